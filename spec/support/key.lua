-- The key all specs use. `make test` sets a random one and then looks for it
-- in everything the specs have printed: it must appear nowhere.
return os.getenv("KLAVIYO_TEST_KEY") or "pk_canary_0123456789abcdef"
