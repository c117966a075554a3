'use strict';
// Every operation of a revision: what the judge took down of the cases is held
// against the cases.

const fs = require('fs');
const path = require('path');
const { isDeepStrictEqual } = require('util');
const { cases } = require('./cases.js');
const { lua } = require('./lua.js');
const { check } = require('./report.js');
const { judge } = require('./servers.js');

// Operations that cannot be called yet, by name.
const EXCEPTIONS = new Set(['upload_image_from_file']);

const json = value => JSON.stringify(value);

function same_query(wanted, found) {
  const rest = Object.assign({}, found);
  if (!('page[size]' in wanted)) delete rest['page[size]']; // an iterator's own
  return isDeepStrictEqual(wanted, rest);
}

// The differences of a case and what came of it.
function compare(one, request) {
  const out = { parts: [], headers: [] };
  const say = (list, what, wanted, found) =>
    list.push(`${one.operation}, ${one.name}: ${what} ${json(found)}, not ${json(wanted)}`);
  if (request.operation_id !== one.operation) {
    say(out.parts, 'operation', one.operation, request.operation_id);
  }
  if (!isDeepStrictEqual(request.path_params, one.path)) {
    say(out.parts, 'path', one.path, request.path_params);
  }
  if (!same_query(one.query, request.query)) say(out.parts, 'query', one.query, request.query);
  if (!isDeepStrictEqual(request.body, one.wire)) say(out.parts, 'body', one.wire, request.body);
  return out;
}

function headers(one, request, revision) {
  const wanted = { revision, accept: 'application/vnd.api+json' };
  if (!one.public) wanted.authorization = 'Klaviyo-API-Key';
  if (one.wire) wanted['content-type'] = 'application/vnd.api+json';
  for (const [name, value] of Object.entries(one.headers)) wanted[name.toLowerCase()] = value;
  const names = ['revision', 'accept', 'authorization', 'content-type', 'x-klaviyo-api-filters'];
  return names.filter(name => request.headers[name] !== wanted[name]).map(name =>
    `${one.operation}, ${one.name}: ${name} ${json(request.headers[name])}, not ${json(wanted[name])}`);
}

// The pairs that are on the wire, from the bodies that went over it.
function pairs_of(requests) {
  const seen = new Set();
  for (const { operation_id, body } of requests) {
    for (const data of [].concat((body || {}).data || [])) {
      for (const part of ['attributes', 'relationships']) {
        for (const name of Object.keys(data[part] || {})) seen.add(`${operation_id} ${part}.${name}`);
      }
    }
  }
  return seen;
}

function verdict(label, work, requests, violations, troubles, connections) {
  const by_case = new Map(requests.map(request => [Number(request.headers['x-case']), request]));
  const seen = new Set(requests.map(request => request.operation_id));
  const all = new Set([...work.cases.map(one => one.operation), ...work.multipart]);
  const excepted = [...all].filter(id => EXCEPTIONS.has(id) && !seen.has(id));
  const parts = [], fields = [], absent = [...troubles];
  for (const one of work.cases) {
    const request = by_case.get(one.n);
    if (!request) {
      absent.push(`${one.operation}, ${one.name}: nothing was sent`);
      continue;
    }
    parts.push(...compare(one, request).parts);
    fields.push(...headers(one, request, work.revision));
  }
  const wire = pairs_of(requests);
  check(`${label}: ${seen.size} of ${work.operations} operations` +
    (excepted.length ? `, without ${excepted}` : ''),
  [...all].filter(id => !seen.has(id) && !EXCEPTIONS.has(id)));
  check(`${label}: ${requests.length} requests for ${work.cases.length} cases`, absent);
  check(`${label}: ${violations.length} violations`, violations.map(v =>
    `${v.operation_id}: ${v.code} ${v.where}: ${v.message}`));
  check(`${label}: paths, queries and documents are those of the cases`, parts);
  check(`${label}: ${work.pairs.length} attributes and relationships on the wire`,
    [...work.missing, ...work.pairs.filter(pair => !wire.has(pair))]);
  check(`${label}: revision on all, Authorization on all but /client`, fields);
  check(`${label}: one connection`, connections === 1 ? [] : [`${connections} connections`]);
}

async function operations(oracle, date, interpreters, dir) {
  const document = path.join(oracle, 'openapi', `${date}.json`);
  const work = cases(JSON.parse(fs.readFileSync(document, 'utf8')));
  const cases_file = path.join(dir, 'cases.json');
  fs.writeFileSync(cases_file, json(work));
  await Promise.all(interpreters.map(async interpreter => {
    const own = fs.mkdtempSync(path.join(dir, `${interpreter}-`));
    const server = await judge(oracle, document, own);
    const { code, output, errors } = await lua(interpreter, 'operations.lua', [cases_file, server.url]);
    await server.stop();
    const troubles = output.split('\n').filter(Boolean).map(line => {
      const [n, why] = line.split('\t');
      const one = work.cases[n - 1];
      return one ? `${one.operation}, ${one.name}: ${why}` : line;
    });
    if (code !== 0) troubles.unshift(`${interpreter} ended with ${code}: ${errors}`);
    verdict(`${date}, ${interpreter}`, work, server.requests(), server.violations(), troubles,
      server.connections());
  }));
}

module.exports = { operations };
