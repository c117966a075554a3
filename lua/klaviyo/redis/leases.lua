--- Leases of limits, by hiredis: loads and checks the shared object of this name.
return require "klaviyo.util.shared_object"("klaviyo.redis.leases")
