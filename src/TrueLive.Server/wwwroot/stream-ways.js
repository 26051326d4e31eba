// What the Streams part asks for each way in and out, and the lines for programs at the far side.
import { $, h } from './dom.js';

const host = location.hostname;
const key = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(15)))).replace(/[+/]/g, '-');
const field = (label, input) => h('label.field', {}, label, input);
const text = (id, value = '', more = {}) =>
  h('input', { id: `streams-${id}`, value, autocomplete: 'off', spellcheck: false, required: true, ...more });
const secret = (id, more = {}) => text(id, '', { type: 'password', ...more });
const value = (id) => $(`streams-${id}`).value.trim();

// Each way in: what is asked for, the address that the server is to listen on or call, and the lines for the far side, which are shown
// with what stands in the fields as long as it stands there.
export const ways = {
  rtmp: {
    name: 'OBS, phone or encoder (RTMP)',
    fields: () => [
      field('Port', text('port', '1935', { type: 'number', min: 1024, max: 65535 })),
      field('Application', text('application', 'live', { pattern: '[\\w.\\-]{1,64}' })),
      field('Stream key', text('key', key(), { pattern: '[\\w.~\\-]{8,128}', title: '8 to 128 letters, digits, - and _' })),
    ],
    source: () => `rtmp://:${value('port')}/${value('application')}/${value('key')}?mode=listener`,
    lines() {
      const server = `rtmp://${host}:${value('port')}/${value('application')}`;
      const whole = `${server}/${value('key') || 'KEY'}`;
      return [
        ['OBS: Settings, Stream, Service “Custom”, Server', server],
        ['OBS: Stream key', value('key') || 'KEY'],
        ['ffmpeg', `ffmpeg -re -i input.mp4 -c:v libx264 -preset veryfast -tune zerolatency -g 30 -c:a aac -f flv ${whole}`],
        [
          'GStreamer',
          `gst-launch-1.0 v4l2src ! videoconvert ! x264enc tune=zerolatency key-int-max=30 ! h264parse ! flvmux streamable=true ! rtmp2sink location=${whole}`,
        ],
      ];
    },
    hint: 'Copy the lines first: the key is not shown again. In OBS choose an H.264 encoder with a key frame each second.',
  },
  whip: {
    name: 'OBS 30 and later (WHIP, least delay)',
    fields: () => [],
    lines: () => [],
    hint: 'In OBS: Settings, Stream, Service “WHIP”, Server is the first address. Made here, watched at the second.',
  },
  srt: {
    name: 'Encoder that sends SRT',
    fields: () => [
      field('Port', text('port', '9000', { type: 'number', min: 1024, max: 65535 })),
      field('Pass phrase', text('key', key(), { pattern: '[\\w\\-]{10,79}', title: '10 to 79 letters, digits, - and _' })),
    ],
    source: () => `srt://:${value('port')}?mode=listener&passphrase=${value('key')}`,
    lines() {
      const whole = `srt://${host}:${value('port')}?passphrase=${value('key') || 'PHRASE'}`;
      return [
        ['OBS: Service “Custom”, Server (no stream key)', whole],
        ['ffmpeg', `ffmpeg -re -i input.mp4 -c:v libx264 -preset veryfast -tune zerolatency -g 30 -c:a aac -f mpegts "${whole}"`],
        [
          'GStreamer',
          `gst-launch-1.0 v4l2src ! videoconvert ! x264enc tune=zerolatency key-int-max=30 ! mpegtsmux ! srtsink uri="${whole}"`,
        ],
      ];
    },
    hint: 'Copy the lines first: the pass phrase is not shown again.',
  },
  address: {
    name: 'Camera, server or file by its address',
    fields: () => [field('Address', secret('address', { placeholder: 'rtsp://USER:PASSWORD@HOST/PATH' }))],
    source: () => value('address'),
    lines: () => [],
    hint: 'rtsp://, rtmp://, srt://, http(s):// with MPEG-TS or HLS, file:NAME from the server’s folder, or /dev/video0.',
  },
};

const broadcaster = (name, server) => ({
  name,
  fields: (id) => [
    field('Server', text(`server-${id}`, server, { placeholder: 'rtmp://HOST/APP' })),
    field('Stream key', secret(`out-key-${id}`)),
  ],
  target: (id) => `${value(`server-${id}`).replace(/\/$/, '')}/${value(`out-key-${id}`)}`,
});
export const targets = {
  youtube: broadcaster('YouTube', 'rtmp://a.rtmp.youtube.com/live2'),
  twitch: broadcaster('Twitch', 'rtmp://live.twitch.tv/app'),
  rtmp: broadcaster('Other broadcaster (RTMP)', ''),
  webcam: {
    name: 'Virtual webcam (Zoom, Meet, OBS)',
    fields: (id) => [field('Device of this server', text(`device-${id}`, '/dev/video9'))],
    target: (id) => value(`device-${id}`),
    line: 'sudo modprobe v4l2loopback video_nr=9 card_label=TrueLive exclusive_caps=1',
  },
  hls: { name: 'HLS for players', fields: () => [], target: () => 'hls' },
  address: {
    name: 'SRT, UDP or a recording',
    fields: (id) => [field('Address', secret(`target-${id}`, { placeholder: 'srt://HOST:PORT?passphrase=…' }))],
    target: (id) => value(`target-${id}`),
  },
};
