'use strict';
// The calls of the routing reference: exactly they, once each, bodies as given,
// over plain HTTP, over TLS and HTTP/2, through somebody's gateway and ours.

const fs = require('fs');
const path = require('path');
const { isDeepStrictEqual } = require('util');
const { lua } = require('./lua.js');
const { check } = require('./report.js');
const { front, gateway, judge } = require('./servers.js');

const REVISION = '2024-10-15';
const TOKEN = 'contract'; // what the scripts have for a key

const resource = (type, attributes, more) => ({ data: Object.assign({ type, attributes }, more) });

// operation, path's id, body or query
const CALLS = [
  ['get_profiles', undefined, undefined, { filter: 'equals(email,"test@example.com")',
    'fields[profile]': 'email,first_name', 'page[size]': '100',
    'page[cursor]': 'WzE2NDA5OTUyMDBd' }],
  ['get_profile', 'PROFILE_ID'],
  ['create_profile', undefined, resource('profile',
    { email: 'newuser@example.com', first_name: 'John', last_name: 'Doe' })],
  ['update_profile', 'PROFILE_ID',
    resource('profile', { first_name: 'Jane' }, { id: 'PROFILE_ID' })],
  ['get_lists'],
  ['create_list', undefined, resource('list', { name: 'VIP Customers' })],
  ['add_profiles_to_list', 'LIST_ID', { data: [{ type: 'profile', id: 'PROFILE_ID' }] }],
  ['get_segments'],
  ['get_campaigns', undefined, undefined, { filter: 'equals(messages.channel,"email")' }],
  ['create_campaign', undefined, resource('campaign',
    { name: 'Summer Newsletter', audiences: { included: ['LIST_ID'] } })],
  ['get_flows'],
  ['update_flow', 'FLOW_ID', resource('flow', { status: 'live' }, { id: 'FLOW_ID' })],
  ['create_event', undefined, resource('event', {
    profile: resource('profile', { email: 'customer@example.com' }),
    metric: resource('metric', { name: 'Viewed Product' }),
    properties: { product_id: 'SKU123', product_name: 'Blue T-Shirt' },
  })],
  ['get_metrics'],
  ['get_templates'],
  ['create_webhook', undefined, resource('webhook', { name: 'Order Placed Webhook',
    endpoint_url: 'https://example.com/webhooks/klaviyo', enabled: true },
  { relationships: { 'webhook-topics': { data: [{ type: 'webhook-topic', id: 'campaign:sent' }] } } })],
  ['delete_webhook', 'WEBHOOK_ID'],
];

// What the service has against two of the bodies, and nothing besides.
const REFUSALS = [
  'create_campaign body-required /data/attributes: property "campaign-messages" is missing',
  'create_webhook body-required /data/attributes: property "secret_key" is missing',
  'create_webhook body-unknown-property /data/attributes/enabled: property "enabled" is not in the schema',
].sort();

const IDS = ['a/b+c==', '$custom:::$default:::SKU 1', 'Zm9v/+8=', '01GDDKASAP8TKDDA2GRZDSVP4H', '100%',
  '%2F', 'a?b#c&d=e', 'ü€😀', '..a', 'a..', 'a/../b', 'a//b', "it's;x,y*(z)!", '~-_.', 'a\\b|c"d<e>'];

const json = value => JSON.stringify(value);

function differences(requests) {
  const wrong = [], rest = [...requests];
  for (const [operation, id, body, query = {}] of CALLS) {
    const index = rest.findIndex(one => one.operation_id === operation);
    if (index < 0) {
      wrong.push(`${operation} was not called`);
      continue;
    }
    const [one] = rest.splice(index, 1);
    const found = [(one.path_params || {}).id, one.body, one.query, one.headers.revision];
    const wanted = [id, body, query, REVISION];
    if (!isDeepStrictEqual(found, wanted)) {
      wrong.push(`${operation}: ${json(found)}, not ${json(wanted)}`);
    }
  }
  return wrong.concat(rest.map(one => `${one.operation_id || one.path} is one too many`));
}

function judged(violations) {
  const found = violations.map(v => `${v.operation_id} ${v.code} ${v.where}: ${v.message}`).sort();
  return [...found.filter(one => !REFUSALS.includes(one)),
    ...REFUSALS.filter(one => found.filter(other => other === one).length !== 1)
      .map(one => `wanted once: ${one}`)];
}

// A path with a way out in it is none for the gateway.
const is_tame = id => !/(^|\/)\.\.?(\/|$)/.test(id);

const ways = (nginx, own) => [
  { name: 'plain HTTP', args: url => [url] },
  { name: 'TLS and HTTP/2', args: () => [nginx.tls_url, 'Klaviyo-API-Key', nginx.ca_file],
    log: /^HTTP\/2\.0 \d+ \d+ \/(api|client)\// },
  { name: 'behind a gateway', args: () => [nginx.gateway_url, 'Bearer'],
    log: /^HTTP\/1\.1 \d+ \d+ \/klaviyo\/api\// },
  { name: 'behind klaviyo.gateway', args: () => [own.url, 'Bearer'], takes: is_tame,
    dates: true },
];

// One run of a script: what came of it, all in one.
// nginx writes its line when the answer has gone out already.
async function logged(nginx, count) {
  for (let i = 0; i < 100 && nginx.log().length < count; i++) {
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

async function run(setting, interpreter, way, script, args, options) {
  const { server, nginx } = setting;
  const at = [server.requests(), server.violations(), nginx.log()].map(list => list.length);
  const { code, output, errors } = await lua(interpreter, script,
    [...args, ...way.args(server.url)], options);
  const requests = server.requests().slice(at[0]);
  if (way.log) await logged(nginx, at[2] + requests.length);
  return {
    failure: code === 0 ? [] : [`${interpreter} ended with ${code}: ${output}${errors}`.trim()],
    requests,
    violations: server.violations().slice(at[1]),
    log: nginx.log().slice(at[2]),
  };
}

async function by_way(setting, interpreter, way) {
  const label = `reference, ${interpreter}, ${way.name}`;
  const done = await run(setting, interpreter, way, 'reference.lua', []);
  check(`${label}: ${CALLS.length} operations once each, as they should be`,
    [...done.failure, ...differences(done.requests)]);
  check(`${label}: no violations but the two refusals`, judged(done.violations));
  check(`${label}: with a private key`, done.requests.filter(one =>
    one.headers.authorization !== 'Klaviyo-API-Key').map(one => one.operation_id));
  if (way.log) {
    const right = done.log.filter(line => way.log.test(line));
    check(`${label}: ${right.length} lines in the server's log say so`,
      right.length === CALLS.length ? [] : done.log);
    check(`${label}: one connection`, new Set(done.log.map(line => line.split(' ')[1])).size === 1);
  }
  const wanted = IDS.filter(way.takes || (() => true));
  fs.writeFileSync(setting.ids_file, json(wanted));
  const ids = await run(setting, interpreter, way, 'ids.lua', [setting.ids_file]);
  const arrived = ids.requests.map(one => (one.path_params || {}).id);
  check(`${label}: ${wanted.length} ids arrive as they are`, [...ids.failure,
    ...wanted.flatMap((id, i) => id === arrived[i] ? [] : [`${id} became ${arrived[i]}`]),
    ...ids.violations.map(v => `${v.code} ${v.url}`)]);
}

// The same check must find fault with a client that forgets the revision; our
// gateway says it in its place.
async function mutant(setting, interpreter, way) {
  const done = await run(setting, interpreter, way, 'reference.lua', [],
    { before: ['-e', `dofile "${__dirname}/no_revision.lua"`] });
  if (way.dates) {
    check(`reference, ${interpreter}, ${way.name}: a client without revision is given one`,
      [...done.failure, ...differences(done.requests)]);
    return;
  }
  const named = done.violations.filter(v => v.where === 'header.revision');
  check(`reference, ${interpreter}, ${way.name}: a client without revision is found out`,
    done.failure.length > 0 && differences(done.requests).length === CALLS.length &&
    judged(done.violations).length > 0 && named.length === done.requests.length);
}

async function reference(oracle, interpreters, dir) {
  const ids_file = path.join(dir, 'ids.json');
  const server = await judge(oracle, path.join(oracle, 'openapi', `${REVISION}.json`), dir, '--fail');
  const nginx = await front(server.url, dir, TOKEN);
  const own = await gateway(server.url, TOKEN);
  const setting = { server, nginx, ids_file };
  for (const interpreter of interpreters) {
    for (const way of ways(nginx, own)) {
      await by_way(setting, interpreter, way);
      await mutant(setting, interpreter, way);
    }
  }
  await own.stop();
  await nginx.stop();
  await server.stop();
}

module.exports = { reference };
