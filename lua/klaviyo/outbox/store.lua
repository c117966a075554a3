--- The outbox's files, by SQLite: the shared object of this name, checked.
return require "klaviyo.shared_object"("klaviyo.outbox.store")
