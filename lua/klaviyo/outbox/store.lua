--- The outbox's files, by SQLite: the shared object of this name, checked.
return require "klaviyo.util.shared_object"("klaviyo.outbox.store")
