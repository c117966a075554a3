--- Leases of limits and connections to Redis, by hiredis: loads and checks the shared
--- object of this name.
return require "klaviyo.util.shared_object"("klaviyo.redis.hiredis")
