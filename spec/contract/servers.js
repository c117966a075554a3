'use strict';
// The validator (validate.js), and the servers in front of it: an nginx, or the
// gateway; on free loopback ports.

const { execFileSync, spawn, spawnSync } = require('child_process');
const fs = require('fs');
const net = require('net');
const path = require('path');

const ROOT = path.join(__dirname, '..', '..');

const running = new Set();

function start(command, args, options) {
  const child = spawn(command, args, Object.assign({ stdio: ['ignore', 'pipe', 'pipe'] }, options));
  running.add(child);
  child.ended = new Promise(resolve => child.on('close', (code, signal) => {
    running.delete(child);
    resolve(code === null ? signal : code);
  }));
  return child;
}

// The environment in which an interpreter finds the built client.
function by_source(interpreter) {
  const env = Object.assign({}, process.env, {
    LUA_PATH: `${ROOT}/lua/?.lua;${ROOT}/lua/?/init.lua;${ROOT}/?.lua;;`,
    LUA_CPATH: `${ROOT}/build/${interpreter}/?.so;;`,
  });
  for (const name of Object.keys(env)) {
    if (/^LUA_(INIT|C?PATH_)|^KLAVIYO_|_proxy$/i.test(name)) delete env[name];
  }
  return { env, cwd: ROOT };
}

// not SIGKILL, which `timeout` could not pass on
process.on('exit', () => running.forEach(child => child.kill('SIGTERM')));

async function stop(child) {
  child.kill('SIGTERM');
  const last = setTimeout(() => child.kill('SIGKILL'), 5000);
  await child.ended;
  clearTimeout(last);
}

const lines = file => fs.existsSync(file) ?
  fs.readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
const read = file => lines(file).map(line => JSON.parse(line));

// Starts validate.js; returns its records; a preloaded module counts `connections`.
async function validator(oracle, document, dir, ...flags) {
  const file = name => path.join(dir, name);
  const child = start(process.execPath, ['--max-http-header-size=65536',
    '--require', path.join(__dirname, 'connections.js'),
    path.join(oracle, 'contract', 'validate.js'), document, '--strict', '--quiet',
    '--record', file('requests.jsonl'), '--log', file('violations.jsonl'), ...flags],
  { env: Object.assign({}, process.env, { CONNECTIONS_FILE: file('connections') }) });
  const url = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', data => {
      text += data;
      if (text.includes('\n')) resolve(JSON.parse(text).listening);
    });
    child.stderr.on('data', data => process.stderr.write(data));
    child.ended.then(code => reject(new Error(`validate.js ended: ${code}`)));
  });
  return {
    url,
    requests: () => read(file('requests.jsonl')),
    violations: () => read(file('violations.jsonl')),
    connections: () => lines(file('connections')).length,
    stop: () => stop(child),
  };
}

function free_port() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const CERTIFICATES = `set -e; umask 077
printf '%s\\n' '[req]' 'distinguished_name=dn' 'prompt=no' '[dn]' 'CN=contract' \
  '[ca]' 'basicConstraints=critical,CA:true' '[leaf]' 'subjectAltName=IP:127.0.0.1' >cnf
openssl req -batch -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -keyout ca.key -out ca.pem -days 2 -config cnf -extensions ca
openssl req -batch -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -keyout cert.key -out cert.csr -config cnf
openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 \
  -extfile cnf -extensions leaf -out cert.pem`;

// `listen … http2` is deprecated from nginx 1.25.1 on
const version = spawnSync('nginx', ['-v']).stderr.toString().match(/(\d+)\.(\d+)\.(\d+)/)
  .slice(1).reduce((sum, part) => sum * 1000 + Number(part), 0);
const HTTP2_DIRECTIVE = version >= 1025001;

// $request_uri is the request target as received: proxied unchanged, not decoded.
// A map removes the prefix; `set` would encode its captures again.
const configuration = (port, tls_port, upstream, token) => `
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {}
http {
  log_format plain '$server_protocol $connection $status $request_uri';
  access_log access.log plain;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;
  uwsgi_temp_path temp; scgi_temp_path temp;
  client_max_body_size 8m; large_client_header_buffers 8 64k;
  map $request_uri $without_prefix { ~^/klaviyo(?<rest>/.*)$ $rest; }
  proxy_http_version 1.1; proxy_set_header Connection "";
  server {
    ${HTTP2_DIRECTIVE ? `listen 127.0.0.1:${tls_port} ssl; http2 on;`
    : `listen 127.0.0.1:${tls_port} ssl http2;`}
    ssl_certificate cert.pem; ssl_certificate_key cert.key;
    location / { proxy_pass ${upstream}$request_uri; }
  }
  server {
    listen 127.0.0.1:${port};
    location /klaviyo/ {
      if ($http_authorization != "Bearer ${token}") { return 401; }
      proxy_set_header Authorization "Klaviyo-API-Key pk_of_the_gateway";
      proxy_pass ${upstream}$without_prefix;
    }
    location / { return 404; }
  }
}
`;

function answers(port) {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1', () => { socket.end(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// nginx: a TLS server, and a gateway that serves the API under /klaviyo
async function front(upstream, dir, token) {
  fs.mkdirSync(path.join(dir, 'temp'));
  execFileSync('sh', ['-c', CERTIFICATES], { cwd: dir, stdio: 'pipe' });
  for (let attempt = 1; ; attempt += 1) {
    const port = await free_port(), tls_port = await free_port();
    fs.writeFileSync(path.join(dir, 'nginx.conf'),
      configuration(port, tls_port, upstream, token));
    const child = start('nginx', ['-p', dir, '-c', 'nginx.conf', '-e', 'error.log']);
    const until = Date.now() + 5000;
    while (running.has(child) && Date.now() < until) {
      if (await answers(port)) {
        return {
          tls_url: `https://127.0.0.1:${tls_port}`,
          gateway_url: `http://127.0.0.1:${port}/klaviyo`,
          ca_file: path.join(dir, 'ca.pem'),
          log: () => lines(path.join(dir, 'access.log')),
          stop: () => stop(child),
        };
      }
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    await stop(child);
    if (attempt === 3) {
      throw new Error(`nginx does not start: ${lines(path.join(dir, 'error.log')).join(' ')}`);
    }
  }
}

// Starts klaviyo.gateway in front of the validator, with one key, or with connections,
// of which its caller has one; `stop` returns its logs.
async function gateway(upstream, token, connection) {
  const child = start('lua5.4', [path.join(__dirname, 'gateway.lua'),
    new URL(upstream).port, token, ...connection ? [connection] : []], Object.assign(by_source('lua5.4'),
    { stdio: ['pipe', 'pipe', 'pipe'] }));
  let text = '', errors = '';
  child.stderr.on('data', data => { errors += data; });
  const url = await new Promise((resolve, reject) => {
    child.stdout.on('data', data => {
      text += data;
      if (text.includes('\n')) resolve(text.split('\n')[0]);
    });
    child.ended.then(code => reject(new Error(`the gateway ended: ${code}: ${errors}`)));
  });
  return {
    url,
    stop: async () => {
      child.stdin.end();
      await child.ended;
      return text.slice(url.length + 1);
    },
  };
}

module.exports = { by_source, start, validator, front, gateway };
