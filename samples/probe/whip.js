// A WHIP endpoint that answers on the same connection (TrueLive's own, or any other that sends video back).
//   truelive probe page samples/probe/whip.js --var url=https://host/whip
// A bearer token comes from the environment: PROBE_WHIP_TOKEN. Without one, remove the next line.
export const environment = [];
// export const environment = ['PROBE_WHIP_TOKEN'];

export async function connect(stream, { environment, variables, ended }) {
  const peer = new RTCPeerConnection();
  for (const track of stream.getTracks()) peer.addTransceiver(track, { direction: 'sendrecv', streams: [stream] });
  const output = new Promise(resolve => { peer.ontrack = event => resolve(event.streams[0] ?? new MediaStream([event.track])); });
  peer.onconnectionstatechange = () => { if (peer.connectionState === 'failed') ended('the connection failed'); };
  await peer.setLocalDescription();
  await new Promise(resolve => {
    if (peer.iceGatheringState === 'complete') return resolve();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
  });
  const headers = { 'Content-Type': 'application/sdp' };
  if (environment.PROBE_WHIP_TOKEN) headers.Authorization = `Bearer ${environment.PROBE_WHIP_TOKEN}`;
  const offer = () => fetch(variables.url, { method: 'POST', headers, body: peer.localDescription.sdp });
  let answer = await offer();
  // A busy server says when to retry; a browser can read that header from another origin only if it is exposed.
  for (let tries = 0; [429, 503].includes(answer.status) && Number(answer.headers.get('Retry-After')) > 0 && tries < 3; tries++) {
    await new Promise(resolve => setTimeout(resolve, 1000 * Math.min(60, Number(answer.headers.get('Retry-After')))));
    answer = await offer();
  }
  if (!answer.ok) throw new Error(`${variables.url} answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  const [video] = peer.getTransceivers().filter(t => t.sender.track?.kind === 'video');
  if (video.currentDirection !== 'sendrecv') throw new Error(`${variables.url} ${video.currentDirection === 'sendonly' ? 'only takes video and sends none back' : 'does not take video'}`);
  return await output;
}
