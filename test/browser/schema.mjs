// The schemas of the API's document, for ajv: OpenAPI 3.0 is not quite JSON Schema, which has no
// `nullable`.
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';

const file = new URL('../../src/dashboard/openapi.json', import.meta.url);
export const document = JSON.parse(readFileSync(file, 'utf8'));

/** The same in JSON Schema: `nullable` becomes "or null", also where it stands beside a $ref. */
function convert(schema) {
  if (Array.isArray(schema)) return schema.map(convert);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { nullable, ...rest } = schema;
  const converted = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, convert(value)]));
  return nullable === true ? { anyOf: [converted, { type: 'null' }] } : converted;
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const ajv = new Ajv({
  allErrors: true,
  formats: { 'date-time': (text) => instant.test(text) && !Number.isNaN(Date.parse(text)) },
});
// Not a keyword of JSON Schema, but the references go through it.
ajv.addVocabulary(['components']);
ajv.addSchema({ $id: 'api', components: convert(document.components) });

/** What is wrong with an answer of one of the document's named schemas; null where nothing is. */
export function faultsOf(name, answer) {
  const validate = ajv.getSchema(`api#/components/schemas/${name}`);
  return validate(answer) ? null : ajv.errorsText(validate.errors, { separator: '\n' });
}
