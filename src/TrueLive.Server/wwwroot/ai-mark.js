// Says in a picture or a film that is saved here that AI made it, as the server does in what it writes: IPTC's digital source type, in XMP
// (PNG, MP4) or in a tag (WebM).
const XMP_BOX = [0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac];
const PNG_HEAD = 33;
const WEBM_HEAD = 65536;
const CLUSTER = [0x1f, 0x43, 0xb6, 0x75];
const bytes = (text) => [...new TextEncoder().encode(text)];
const number = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const packet = (type) =>
  bytes(
    '<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">' +
      '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""' +
      ` xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="${type}"/>` +
      '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>',
  );

function crc(content) {
  let value = -1;
  for (const one of content) {
    value ^= one;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return ~value;
}

const inserted = (blob, at, added) => new Blob([blob.slice(0, at), new Uint8Array(added), blob.slice(at)], { type: blob.type });

function png(blob, type) {
  const chunk = [...bytes('iTXtXML:com.adobe.xmp'), 0, 0, 0, 0, 0, ...packet(type)];
  return inserted(blob, PNG_HEAD, [...number(chunk.length - 4), ...chunk, ...number(crc(chunk))]);
}

function mp4(blob, type) {
  const content = [...bytes('uuid'), ...XMP_BOX, ...packet(type)];
  return inserted(blob, blob.size, [...number(content.length + 4), ...content]);
}

// Before the first cluster: readers look for tags no further.
async function webm(blob, type) {
  const head = [...new Uint8Array(await blob.slice(0, WEBM_HEAD).arrayBuffer())];
  const at = head.findIndex((_, i) => CLUSTER.every((one, j) => head[i + j] === one));
  if (at < 0) return blob;
  const element = (id, content) => [...id, ...number(content.length | 0x10000000), ...content];
  const name = element([0x45, 0xa3], bytes('DIGITAL_SOURCE_TYPE'));
  const value = element([0x44, 0x87], bytes(type));
  const tag = element([0x73, 0x73], [...element([0x63, 0xc0], []), ...element([0x67, 0xc8], [...name, ...value])]);
  return inserted(blob, at, element([0x12, 0x54, 0xc3, 0x67], tag));
}

/** The picture or film with the mark; unchanged where `type` is missing. */
export async function marked(blob, type) {
  if (!type) return blob;
  return (blob.type.includes('png') ? png : blob.type.includes('mp4') ? mp4 : webm)(blob, type);
}
