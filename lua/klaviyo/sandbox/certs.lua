--- Creates a certificate authority for one run and a certificate for the
--- loopback address.

local shell = require "klaviyo.sandbox.shell"

local M = {}

local CA = [[
[req]
distinguished_name = dn
x509_extensions = ca
prompt = no
[dn]
CN = Klaviyo sandbox throw-away CA
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
]]

local CERT = [[
[req]
distinguished_name = dn
prompt = no
[dn]
CN = localhost
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1,DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
]]

-- Elliptic-curve keys are generated in milliseconds. With `-batch` openssl
-- asks no questions.
local COMMANDS = [[
cd %s && umask 077 &&
openssl ecparam -name prime256v1 -genkey -noout -out ca.key &&
openssl ecparam -name prime256v1 -genkey -noout -out cert.key &&
openssl req -batch -new -x509 -config ca.cnf -key ca.key -days 2 -out ca.pem &&
openssl req -batch -new -config cert.cnf -key cert.key -out cert.csr &&
openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -set_serial %d \
  -days 2 -extfile cert.cnf -extensions leaf -out leaf.pem &&
cat leaf.pem ca.pem > cert.pem && rm -f ca.key cert.csr
]]

--- Creates ca.pem, cert.pem and cert.key in a directory.
---@param dir string
---@return boolean ok
---@return string|nil message
function M.make(dir)
  shell.write(dir .. "/ca.cnf", CA)
  shell.write(dir .. "/cert.cnf", CERT)
  local ok, output = shell.run(COMMANDS:format(shell.quote(dir), os.time()))
  if not ok then
    return false, "openssl cannot create a certificate: " .. output
  end
  return true
end

return M
