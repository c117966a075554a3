'use strict';
// The calls of the routing reference: each exactly once, with its body, over
// plain HTTP, over TLS and HTTP/2, through another gateway and klaviyo.gateway.

const fs = require('fs');
const path = require('path');
const { isDeepStrictEqual } = require('util');
const { lua } = require('./lua.js');
const { check } = require('./report.js');
const { front, gateway, validator } = require('./servers.js');

const REVISION = '2024-10-15';
const TOKEN = 'contract'; // the key of the scripts

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

// The service's errors for two of the bodies; there must be no others.
const REJECTIONS = [
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

function unexpected(violations) {
  const found = violations.map(v => `${v.operation_id} ${v.code} ${v.where}: ${v.message}`).sort();
  return [...found.filter(one => !REJECTIONS.includes(one)),
    ...REJECTIONS.filter(one => found.filter(other => other === one).length !== 1)
      .map(one => `wanted once: ${one}`)];
}

// The gateway rejects paths with "." and ".." segments.
const is_accepted = id => !/(^|\/)\.\.?(\/|$)/.test(id);

const routes = (nginx, own) => [
  { name: 'plain HTTP', args: url => [url] },
  { name: 'TLS and HTTP/2', args: () => [nginx.tls_url, 'Klaviyo-API-Key', nginx.ca_file],
    log: /^HTTP\/2\.0 \d+ \d+ \/(api|client)\// },
  { name: 'behind a gateway', args: () => [nginx.gateway_url, 'Bearer'],
    log: /^HTTP\/1\.1 \d+ \d+ \/klaviyo\/api\// },
  { name: 'behind klaviyo.gateway', args: () => [own.url, 'Bearer'], accepts: is_accepted,
    dates: true },
];

// nginx writes its log line after it has sent the response.
async function logged(nginx, count) {
  for (let i = 0; i < 100 && nginx.log().length < count; i++) {
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

async function run(setting, interpreter, route, script, args, options) {
  const { server, nginx } = setting;
  const at = [server.requests(), server.violations(), nginx.log()].map(list => list.length);
  const { code, output, errors } = await lua(interpreter, script,
    [...args, ...route.args(server.url)], options);
  const requests = server.requests().slice(at[0]);
  if (route.log) await logged(nginx, at[2] + requests.length);
  return {
    failure: code === 0 ? [] : [`${interpreter} ended with ${code}: ${output}${errors}`.trim()],
    requests,
    violations: server.violations().slice(at[1]),
    log: nginx.log().slice(at[2]),
  };
}

async function by_route(setting, interpreter, route) {
  const label = `reference, ${interpreter}, ${route.name}`;
  const done = await run(setting, interpreter, route, 'reference.lua', []);
  check(`${label}: ${CALLS.length} operations once each, as expected`,
    [...done.failure, ...differences(done.requests)]);
  check(`${label}: no violations but the two expected ones`, unexpected(done.violations));
  check(`${label}: with a private key`, done.requests.filter(one =>
    one.headers.authorization !== 'Klaviyo-API-Key').map(one => one.operation_id));
  if (route.log) {
    const right = done.log.filter(line => route.log.test(line));
    check(`${label}: ${right.length} matching lines in the server's log`,
      right.length === CALLS.length ? [] : done.log);
    check(`${label}: one connection`, new Set(done.log.map(line => line.split(' ')[1])).size === 1);
  }
  const wanted = IDS.filter(route.accepts || (() => true));
  fs.writeFileSync(setting.ids_file, json(wanted));
  const ids = await run(setting, interpreter, route, 'ids.lua', [setting.ids_file]);
  const received = ids.requests.map(one => (one.path_params || {}).id);
  check(`${label}: ${wanted.length} ids arrive unchanged`, [...ids.failure,
    ...wanted.flatMap((id, i) => id === received[i] ? [] : [`${id} became ${received[i]}`]),
    ...ids.violations.map(v => `${v.code} ${v.url}`)]);
}

// The checks must fail for a client that sends no revision; klaviyo.gateway
// adds the revision.
async function mutant(setting, interpreter, route) {
  const done = await run(setting, interpreter, route, 'reference.lua', [],
    { before: ['-e', `dofile "${__dirname}/no_revision.lua"`] });
  if (route.dates) {
    check(`reference, ${interpreter}, ${route.name}: the gateway adds a missing revision`,
      [...done.failure, ...differences(done.requests)]);
    return;
  }
  const named = done.violations.filter(v => v.where === 'header.revision');
  check(`reference, ${interpreter}, ${route.name}: a missing revision is detected`,
    done.failure.length > 0 && differences(done.requests).length === CALLS.length &&
    unexpected(done.violations).length > 0 && named.length === done.requests.length);
}

async function reference(oracle, interpreters, dir) {
  const ids_file = path.join(dir, 'ids.json');
  const server = await validator(oracle, path.join(oracle, 'openapi', `${REVISION}.json`), dir, '--fail');
  const nginx = await front(server.url, dir, TOKEN);
  const own = await gateway(server.url, TOKEN);
  const setting = { server, nginx, ids_file };
  for (const interpreter of interpreters) {
    for (const route of routes(nginx, own)) {
      await by_route(setting, interpreter, route);
      await mutant(setting, interpreter, route);
    }
  }
  await own.stop();
  await nginx.stop();
  await server.stop();
}

module.exports = { reference };
