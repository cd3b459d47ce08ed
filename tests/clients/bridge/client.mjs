// A client of the TypeScript SDK over stdio: runs code, and prints what has arrived as JSON.
// Arguments: the version of the SDK (1 or 2), the protocol ("auto" or "legacy"), and the command.
const [sdk, protocol, command, ...args] = process.argv.slice(2);
const info = {name: `typescript-${sdk}`, version: '1'};
const options = {command, args, env: {...process.env}, stderr: 'ignore'};
let client, transport;
if (sdk === '1') {
  const {Client} = await import('@modelcontextprotocol/sdk/client/index.js');
  const {StdioClientTransport} = await import('@modelcontextprotocol/sdk/client/stdio.js');
  client = new Client(info);
  transport = new StdioClientTransport(options);
} else {
  const {Client} = await import('@modelcontextprotocol/client');
  const {StdioClientTransport} = await import('@modelcontextprotocol/client/stdio');
  client = new Client(info, protocol === 'auto' ? {versionNegotiation: {mode: 'auto'}} : undefined);
  transport = new StdioClientTransport(options);
}
const call = (name, given, more) =>
  sdk === '1'
    ? client.callTool({name, arguments: given}, undefined, more)
    : client.callTool({name, arguments: given}, more);
const text = result => result.content.filter(b => b.type === 'text').map(b => b.text).join('\n');

await client.connect(transport);
const seen = {instructions: client.getInstructions(), progress: 0};
seen.tools = (await client.listTools()).tools.map(tool => tool.name);
const run = await call('execute_code', {code: "print('hello'); 6 * 7"});
seen.text = text(run);
seen.meta = Object.keys(run._meta);
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const drawn = await call('execute_code', {
  code: `import base64\nfrom IPython.display import Image\nImage(base64.b64decode('${png}'))`,
});
seen.kinds = drawn.content.map(block => block.type);
await call('execute_code', {code: "open('pipe', 'w').close()"}, {
  onprogress: () => {
    seen.progress += 1;
    console.log('progress');
  },
});
const controller = new AbortController();
const cancelled = call('execute_code', {code: "open('pipe', 'w').close()\nopen('pipe').read()"}, {
  signal: controller.signal,
});
process.stdin.once('data', () => controller.abort());
console.log('waits');
await cancelled.catch(err => { seen.cancelled = String(err.message ?? err); });
let after;
do {
  after = text(await call('get_output', {wait: 5}));
} while (after.startsWith('[running]'));
seen.after = after;
seen.next = text(await call('execute_code', {code: '2 + 2'}));
await client.close();
console.log(JSON.stringify(seen));
process.exit(0);
