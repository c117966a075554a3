--- The outbox's files, in SQLite: loads and checks the shared object of this name.
return require "klaviyo.util.shared_object"("klaviyo.outbox.store")
