'use strict';
// Preloaded into the validator: writes a line to $CONNECTIONS_FILE for each connection.

const fs = require('fs');
const http = require('http');

const create = http.createServer;
http.createServer = (...args) => create(...args).on('connection', () =>
  fs.appendFileSync(process.env.CONNECTIONS_FILE, 'connection\n'));
