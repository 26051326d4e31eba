// Reads bodies of OTLP/HTTP trace exports, one a line in Base64, with OpenTelemetry's own classes, and prints their spans as JSON.
import { createInterface } from 'node:readline';
import root from '@opentelemetry/otlp-transformer/build/src/generated/root.js';

const { ExportTraceServiceRequest } = root.opentelemetry.proto.collector.trace.v1;
const hex = (bytes) => Buffer.from(bytes ?? []).toString('hex');
const named = (attributes) => Object.fromEntries(attributes.map((a) => [a.key, a.value.stringValue ?? String(a.value.intValue ?? '')]));

const spans = [];
for await (const line of createInterface({ input: process.stdin }))
  for (const { resource, scopeSpans } of ExportTraceServiceRequest.decode(Buffer.from(line, 'base64')).resourceSpans)
    for (const { spans: exported } of scopeSpans)
      for (const span of exported)
        spans.push({
          service: named(resource.attributes)['service.name'],
          name: span.name,
          trace: hex(span.traceId),
          id: hex(span.spanId),
          parent: hex(span.parentSpanId),
          failed: span.status?.code === 2,
          tags: named(span.attributes),
        });
console.log(JSON.stringify(spans));
