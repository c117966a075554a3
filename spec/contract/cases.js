'use strict';
// The requests that test a revision, made from its OpenAPI document alone, not
// from the client. For each operation: a minimal request, a full one, one with
// nulls, one for each branch of each union, one for each sort order, and one
// for each alias.
//
//   node cases.js openapi.json >cases.json

const { Api } = require('./openapi.js');
const { parameters } = require('./queries.js');
const { Values } = require('./values.js');

// {"operation attributes.name"} of all members that the operation's body may have
function pairs_of(api, op) {
  const pairs = new Set();
  const resource = ref => {
    const s = api.deref(ref);
    for (const branch of s.oneOf || []) resource(branch);
    if (s.items) resource(s.items);
    for (const part of ['attributes', 'relationships']) {
      const members = api.deref((s.properties || {})[part]) || {};
      for (const [name, member] of Object.entries(members.properties || {})) {
        if (!api.deref(member).readOnly) pairs.add(`${op.id} ${part}.${name}`);
      }
    }
  };
  const { data } = api.deref(op.schema).properties;
  if (data) resource(data);
  return pairs;
}

// The members of the body's schemas that no request has, as "operation … name".
function missing_members(api, op, used) {
  const missing = [], known = new Set();
  const visit = ref => {
    const s = api.deref(ref);
    if (known.has(s)) return;
    known.add(s);
    for (const branch of s.oneOf || []) visit(branch);
    if (s.items) visit(s.items);
    for (const [name, member] of Object.entries(s.properties || {})) {
      if (api.deref(member).readOnly) continue;
      if (!(used.get(s) || new Set()).has(name)) missing.push(`${op.id} … ${name}`);
      visit(member);
    }
  };
  visit(op.schema);
  return missing;
}

// Sets the id of an updated resource to the id in the path.
function identified(api, op, body) {
  const { id } = parameters(op, api.deref, body.full).path;
  if (op.method !== 'PATCH' || !op.path.endsWith('}') || !body.wire.data.id) return body;
  body.wire.data.id = id;
  body.flat = Object.assign(typeof body.flat === 'string' ? {} : body.flat, { id });
  return body;
}

function bodies(api, op) {
  const list = [], used = new Map(), covered = new Map();
  const queue = [{ name: 'minimal' }, { name: 'full', full: true }];
  for (const want of queue) {
    const values = new Values(api.deref, want);
    const made = values.make(op.schema);
    if (!made) continue; // the branch is recursive here
    list.push(identified(api, op, Object.assign({ name: want.name, full: want.full }, made)));
    for (const [s, names] of values.members) {
      used.set(s, new Set([...used.get(s) || [], ...names]));
    }
    if (!want.full || want.nulls) continue;
    if (want.name === 'full' && values.nullable) {
      queue.push({ name: 'nulls', full: true, nulls: true });
    }
    for (const [s, index] of values.unions) {
      const done = covered.get(s) || new Set();
      covered.set(s, done.add(index));
      s.oneOf.forEach((_, i) => {
        if (done.has(i)) return;
        done.add(i);
        queue.push({ name: `branch ${queue.length}`, full: true,
          chosen: new Map(values.unions).set(s, i) });
      });
    }
  }
  return { list, missing: missing_members(api, op, used) };
}

// Multipart bodies: a file in each of its three forms, with and without other fields.
function uploads(api, op) {
  const { properties } = api.deref(op.schema);
  const others = Object.keys(properties).filter(name => name !== 'file');
  const required = api.deref(op.schema).required || [];
  const flat = {}, parts = {};
  for (const name of others) {
    flat[name] = new Values(api.deref, {}).make(properties[name], name).wire;
    parts[name] = String(flat[name]);
  }
  // of the optional fields, the smallest form has `hidden` if there is one
  const few = {}, few_parts = {};
  for (const name of others) {
    if (name === 'hidden') few[name] = true;
    else if (required.includes(name)) few[name] = flat[name];
    else continue;
    few_parts[name] = String(few[name]);
  }
  return [['minimal', 'path'], ['full', 'data'], ['stream', 'reader']].map(([name, upload]) =>
    ({ name, upload, full: name === 'full', flat: name === 'minimal' ? few : flat,
      parts: name === 'minimal' ? few_parts : parts }));
}

function requests(api, op) {
  if (op.schema && !op.media.includes('json')) return { list: uploads(api, op), missing: [] };
  if (op.schema) return bodies(api, op);
  return { list: [{ name: 'minimal' }, { name: 'full', full: true }], missing: [] };
}

function cases_of(api, op, out) {
  const { list, missing } = requests(api, op);
  const add = ({ full, ...more }, args, query) => {
    const one = Object.assign({ n: out.cases.length + 1, operation: op.id, method: op.method,
      template: op.path, public: op.public }, parameters(op, api.deref, full), more);
    Object.assign(one.args, args);
    Object.assign(one.query, query);
    out.cases.push(one);
  };
  for (const one of list) add(one);
  for (const alias of op.aliases.filter(one => !out.names.has(one))) add(Object.assign({}, list[0], { name: alias, alias }));
  const sort = op.params.find(p => p.name === 'sort');
  for (const value of sort ? api.deref(sort.schema).enum : []) {
    add({ name: `by ${value}` }, { sort: value }, { sort: value });
  }
  if (op.schema && !list[0].upload) {
    for (const pair of pairs_of(api, op)) out.pairs.push(pair);
  }
  out.missing.push(...missing);
}

function cases(document) {
  const api = new Api(document);
  const out = { revision: api.revision, operations: [], cases: [], pairs: [], missing: [] };
  // an alias that is the name of another operation is not used
  out.names = new Set(api.operations().map(op => op.id.replace(/_beta$/, '')));
  for (const op of api.operations()) {
    out.operations.push(op.id);
    cases_of(api, op, out);
  }
  return out;
}

module.exports = { cases };

if (require.main === module) {
  const text = require('fs').readFileSync(process.argv[2], 'utf8');
  console.log(JSON.stringify(cases(JSON.parse(text))));
}
