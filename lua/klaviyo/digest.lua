--- Digests and encryption, by libcrypto: the shared object of this name, checked.
return require "klaviyo.util.shared_object"("klaviyo.digest")
