// Asks the mock model for calls and makes them, as the tests' own API has it.

export async function play(client) {
  const tools = (await client.listTools()).tools.map((tool) => tool.name);
  const instructions = client.getInstructions() ?? "";
  const results = [];
  for (;;) {
    const body = JSON.stringify({ tools, instructions, results });
    const answer = await fetch(`${process.env.MODEL}/plain`, { method: "POST", body });
    const call = await answer.json();
    if (!call.tool) break;
    try {
      const result = await client.callTool({ name: call.tool, arguments: call.arguments });
      results.push(result.content);
    } catch (error) {
      results.push([{ type: "text", text: `${error.name}: ${error.message}` }]);
    }
  }
  await client.close();
}

export const url = new URL(process.env.SERVER);
export const options = {
  requestInit: { headers: { Authorization: `Bearer ${process.env.JUPYTER_TOKEN}` } },
};
