// Starts an unpacked bundle as Claude Desktop does, by what its official package makes of the
// manifest and of the person's settings, and prints what has arrived as JSON.
// Arguments: the folder, and the settings as JSON.
import {readFileSync} from 'node:fs';
import {sep} from 'node:path';
import {getMcpConfigForManifest} from '@anthropic-ai/mcpb';
import {Client} from '@modelcontextprotocol/sdk/client/index.js';
import {StdioClientTransport} from '@modelcontextprotocol/sdk/client/stdio.js';

const [extensionPath, settings] = process.argv.slice(2);
const {command, args, env} = await getMcpConfigForManifest({
  manifest: JSON.parse(readFileSync(`${extensionPath}/manifest.json`, 'utf8')),
  extensionPath,
  systemDirs: {HOME: process.env.HOME},
  userConfig: JSON.parse(settings),
  pathSeparator: sep,
});
const client = new Client({name: 'claude-ai', version: '1'});
const options = {command, args, env: {...process.env, ...env}, stderr: 'inherit'};
await client.connect(new StdioClientTransport(options), {timeout: 200_000});
const {tools} = await client.listTools();
const run = await client.callTool({name: 'execute_code', arguments: {code: "'from ' + 'Desktop'"}});
const files = {local_path: `${process.env.HOME}/allowed/data.csv`, path: 'data.csv'};
const sent = await client.callTool({name: 'upload_file', arguments: files});
await client.close();
const text = result => result.content.map(block => block.text).join('\n');
console.log(JSON.stringify({command, args, tools: tools.map(t => t.name), run: text(run), sent: text(sent)}));
