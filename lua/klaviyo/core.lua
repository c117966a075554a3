--- The C core: the shared object of this name, checked.
return require "klaviyo.shared_object"("klaviyo.core")
