// Makes slack.schema.json, the JSON schema of what Slack takes: messages, views and app manifests,
// from the TypeScript types that Slack publishes. The limits that those types state in words
// become maxLength, maxItems and minLength; the words themselves are left out.
//
// To run it (Node 20 or newer), in an empty scratch directory:
//   npm init -y
//   npm install @slack/types@3.2.0 @slack/web-api@8.2.0 ts-json-schema-generator@2.4.0
//   node <checkout>/tests/referee/make.mjs > <checkout>/tests/referee/slack.schema.json

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { createGenerator } = createRequire(join(process.cwd(), 'index.js'))('ts-json-schema-generator');

const ENTRY = `
import type { EntityMetadata, KnownBlock, MessageMetadata, View } from '@slack/types';
import type { Manifest } from '@slack/web-api/dist/types/request/manifest';
export interface Message {
  /** Maximum length is 4000 characters. */
  text: string;
  /** Maximum number of items is 50. */
  blocks?: KnownBlock[];
  metadata?: MessageMetadata;
}
export interface Roots { message: Message; view: View; manifest: Manifest; block: KnownBlock }
`;

const number = (words) => Number(words.replaceAll(',', ''));

/** The limits that a description states: of a text's length, and of a list's items. */
function limits(description) {
  const said = description.replace(/\s+/g, ' ');
  const length =
    /max(?:imum)? length (?:\S+ ){0,9}?is ([\d,]+)/i.exec(said) ??
    /limit ([\d,]+) characters/i.exec(said) ??
    /max(?:imum)?(?: length)? of ([\d,]+)(?: characters|\.|$)/i.exec(said);
  const items =
    /max(?:imum)? number of [\w ]+? is ([\d,]+)/i.exec(said) ??
    /maximum ([\d,]+) (?:blocks|cards|items|rows)/i.exec(said) ??
    /max(?:imum)? of ([\d,]+) (?!char)/i.exec(said);
  const least = /minimum length (?:for the `text` in this field )?is (\d+)/i.exec(said);
  return { length: length && number(length[1]), items: items && number(items[1]), least: least && number(least[1]) };
}

const textual = (length, least) => ({
  ...(length ? { maxLength: length } : {}),
  ...(least ? { minLength: least } : {}),
});

/** The schema of a property with the limits of its description in it. */
function limited(schema, description) {
  const { length, items, least } = limits(description);
  if (schema.type === 'string' && !schema.const && !schema.enum) return { ...schema, ...textual(length, least) };
  if (schema.type === 'array') {
    const item = length
      ? { allOf: [schema.items, { properties: { text: textual(length) } }] }
      : schema.items;
    return { ...schema, items: item, ...(items ? { maxItems: items } : {}) };
  }
  if ((schema.$ref || schema.anyOf) && length)
    return { allOf: [schema, { properties: { text: textual(length, least) } }] };
  return schema;
}

/** Open members of a union (a block of any type, a record of anything) would let everything through. */
const open = (member) => member.$ref === '#/definitions/Block' || (member.type === 'object' && !member.properties);
const closed = (members) => (members.every(open) ? members : members.filter((member) => !open(member)));

function walk(node) {
  if (Array.isArray(node)) return node.map(walk);
  if (node === null || typeof node !== 'object') return node;
  const { description, deprecated, $comment, ...rest } = node;
  const kept = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, key === 'properties' ? properties(value) : walk(value)]));
  if (kept.anyOf) kept.anyOf = closed(kept.anyOf);
  return typeof description === 'string' ? limited(kept, description) : kept;
}

const properties = (named) => Object.fromEntries(Object.entries(named).map(([name, schema]) => [name, walk(schema)]));

const path = join(process.cwd(), 'entry.ts');
writeFileSync(path, ENTRY);
const made = createGenerator({ path, type: 'Roots', skipTypeCheck: true, additionalProperties: false }).createSchema('Roots');
const schema = walk(made);
schema.definitions.Manifest.additionalProperties = false;
process.stdout.write(`${JSON.stringify(schema)}\n`);
