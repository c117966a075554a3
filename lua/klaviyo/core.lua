--- The C core: the shared object of this name, checked.
return require "klaviyo.util.shared_object"("klaviyo.core")
