// Decart's own browser SDK, as its users meet it. Bundle the SDK once, beside this file:
//   npm install @decartai/sdk && npx esbuild node_modules/@decartai/sdk --bundle --format=esm --outfile=samples/probe/decart-sdk.js
//   DECART_API_KEY=... truelive probe page samples/probe/decart.js --var model=mirage_v2
export const environment = ['DECART_API_KEY'];

let session;

export async function connect(stream, { environment, variables, ended }) {
  const { createDecartClient, models } = await import('./decart-sdk.js');
  const options = { apiKey: environment.DECART_API_KEY };
  if (variables.base) options.realtimeBaseUrl = variables.base;
  const client = createDecartClient(options);
  return await new Promise((resolve, reject) => {
    client.realtime.connect(stream, {
      model: models.realtime(variables.model ?? 'mirage_v2'),
      onRemoteStream: resolve,
      onConnectionChange: state => { if (state === 'disconnected') ended('the SDK says: disconnected'); },
      initialState: { prompt: { text: variables.prompt ?? 'an oil painting in warm orange colours, thick brush strokes', enhance: false } },
    }).then(opened => { session = opened; }, reject);
  });
}

export async function prompt(text) {
  await session.setPrompt(text, { enhance: false });
}
