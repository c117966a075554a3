-- The API of 2026-07-15: what differs from 2026-04-15.
-- Made by tools/catalogue.lua: edit that, not this. The notation:
-- klaviyo/operations/format.lua.
return {
  date = "2026-07-15",
  follows = "2026-04-15",
  operations = [=[
bulk_delete_object_records POST /api/object-record-bulk-delete-jobs 202 - limit=3/s,60/m scope=custom-objects:write alias=create_object_record_bulk_delete_job body=&ObjectRecordDeleteJobCreateQueryResourceObject
create_object_schema POST /api/object-schemas 201+ object-schema limit=3/s,60/m scope=custom-objects:write fields=object-schema body=&ObjectSchemaCreateQueryResourceObject
create_object_schema_relationship POST /api/object-schemas/{id}/relationships/object-schemas 204 - limit=3/s,60/m scope=custom-objects:write alias=add_schemas_to_object_schema,create_object_schema_relationships_schemas body=&[<object-schema id! meta:ObjectSchemaRelationshipCreateMeta?>]
create_object_type POST /api/object-types 201+ object-type limit=3/s,60/m scope=custom-objects:write fields=object-type body=&ObjectTypeCreateQueryResourceObject
create_profile_schema_relationship POST /api/object-schemas/{id}/relationships/profile-object-schemas 204 - limit=3/s,60/m scope=custom-objects:write alias=add_profile_object_schemas_to_object_schema,create_object_schema_relationships_profile_object_schemas body=&[<profile-object-schema id! meta:ObjectSchemaRelationshipCreateMeta?>]
delete_object_schema_relationship DELETE /api/object-schemas/{id}/relationships/object-schemas 204 - limit=3/s,60/m scope=custom-objects:write alias=delete_object_schema_relationships_schemas,remove_schemas_from_object_schema body=&[<object-schema id! meta:ObjectSchemaRelationshipDeleteMeta?>]
delete_object_type DELETE /api/object-types/{id} 204 - limit=3/s,60/m scope=custom-objects:write
delete_profile_schema_relationship DELETE /api/object-schemas/{id}/relationships/profile-object-schemas 204 - limit=3/s,60/m scope=custom-objects:write alias=delete_object_schema_relationships_profile_object_schemas,remove_profile_object_schemas_from_object_schema body=&[<profile-object-schema id! meta:ObjectSchemaRelationshipDeleteMeta?>]
get_client_ip_allowlist GET /client/ip-allowlists/{id} 200+ ip-allowlist limit=75/s,750/m fields=ip-allowlist query=company_id:string
get_conversation_ids_for_profile GET /api/profiles/{id}/relationships/conversations 200+ conversation[] limit=3/s,60/m scope=conversations:read,profiles:read alias=get_profile_relationships_conversations
get_conversations_for_profile GET /api/profiles/{id}/conversations 200+ conversation[] limit=3/s,60/m scope=conversations:read,profiles:read fields=conversation alias=get_profile_conversations
get_current_schema_for_object_type GET /api/object-types/{id}/current-schema 200+ object-schema limit=3/s,60/m scope=custom-objects:read fields=object-schema alias=get_object_type_current_schema
get_current_schema_id_for_object_type GET /api/object-types/{id}/relationships/current-schema 200+ object-schema limit=3/s,60/m scope=custom-objects:read alias=get_object_type_relationships_current_schema
get_draft_schema_for_object_type GET /api/object-types/{id}/draft-schema 200+ object-schema limit=3/s,60/m scope=custom-objects:read fields=object-schema alias=get_object_type_draft_schema
get_draft_schema_id_for_object_type GET /api/object-types/{id}/relationships/draft-schema 200+ object-schema limit=3/s,60/m scope=custom-objects:read alias=get_object_type_relationships_draft_schema
get_ingestion_log_ids_for_object_type GET /api/object-types/{id}/relationships/object-ingestion-logs 200+ object-ingestion-log[] limit=1/s,15/m scope=custom-objects:read page=cursor filter=event_type(any,=),record_id(=),status(any,=),timestamp(>=,<) alias=get_object_type_relationships_ingestion_logs
get_ingestion_logs_for_object_type GET /api/object-types/{id}/object-ingestion-logs 200+ object-ingestion-log[] limit=1/s,15/m scope=custom-objects:read page=cursor fields=object-ingestion-log,object-record,object-type include=object-record,object-type filter=event_type(any,=),record_id(=),status(any,=),timestamp(>=,<) alias=get_object_type_ingestion_logs
get_object_record GET /api/object-records/{id} 200+ object-record limit=3/s,60/m scope=custom-objects:read fields=object-record
get_object_schema GET /api/object-schemas/{id} 200+ object-schema limit=3/s,60/m scope=custom-objects:read fields=object-schema.2,profile-object-schema,source-mapping include=object-schemas,profile-object-schemas,source-mapping
get_object_schema_relationships GET /api/object-schemas/{id}/relationships/object-schemas 200+ object-schema[] limit=3/s,60/m scope=custom-objects:read alias=get_object_schema_relationships_schemas,get_schema_ids_for_object_schema
get_object_type GET /api/object-types/{id} 200+ object-type limit=3/s,60/m scope=custom-objects:read fields=object-schema,object-type.2,profile-object-type include=current-schema,draft-schema,object-types,profile-object-types,schema-versions
get_object_type_relationships GET /api/object-types/{id}/relationships/object-types 200+ object-type[] limit=3/s,60/m scope=custom-objects:read alias=get_object_type_relationships_types,get_type_ids_for_object_type
get_object_types GET /api/object-types 200+ object-type[] limit=3/s,60/m scope=custom-objects:read fields=object-schema,object-type include=current-schema,draft-schema filter=namespace(=)
get_profile GET /api/profiles/{id} 200+ profile limit=75/s,750/m reduced=include:lists:1/s,15/m;include:segments:1/s,15/m scope=profiles:read additional-fields[profile]=predictive_analytics,subscriptions fields=conversation,list,profile,push-token,segment include=conversations,lists,push-tokens,segments
get_profile_schema_relationships GET /api/object-schemas/{id}/relationships/profile-object-schemas 200+ profile-object-schema[] limit=3/s,60/m scope=custom-objects:read alias=get_object_schema_relationships_profile_object_schemas,get_profile_object_schema_ids_for_object_schema
get_profile_type_relationships GET /api/object-types/{id}/relationships/profile-object-types 200+ profile-object-type[] limit=3/s,60/m scope=custom-objects:read alias=get_object_type_relationships_profile_object_types,get_profile_object_type_ids_for_object_type
get_profiles GET /api/profiles 200+ profile[] limit=75/s,750/m reduced=additional-fields[profile]:predictive_analytics:10/s,150/m scope=profiles:read page=cursor:20:1..100 additional-fields[profile]=predictive_analytics,subscriptions fields=conversation,profile,push-token include=conversations,push-tokens sort=created,email,id,subscriptions.email.marketing.list_suppressions.timestamp,subscriptions.email.marketing.suppression.timestamp,updated filter=_kx(=),created(>,<),email(any,=),external_id(any,=),id(any,=),phone_number(any,=),subscriptions.email.marketing.list_suppressions.list_id(=),subscriptions.email.marketing.list_suppressions.reason(=),subscriptions.email.marketing.list_suppressions.timestamp(>=,>,<=,<),subscriptions.email.marketing.suppression.reason(=),subscriptions.email.marketing.suppression.timestamp(>=,>,<=,<),updated(>,<)
get_record_ids_for_object_type GET /api/object-types/{id}/relationships/object-records 200+ object-record[] limit=3/s,60/m scope=custom-objects:read page=cursor:20:1..100 alias=get_object_type_relationships_records
get_records_for_object_type GET /api/object-types/{id}/object-records 200+ object-record[] limit=3/s,60/m scope=custom-objects:read page=cursor:20:1..100 fields=object-record alias=get_object_type_records
get_schema_version_ids_for_object_type GET /api/object-types/{id}/relationships/schema-versions 200+ object-schema[] limit=3/s,60/m scope=custom-objects:read alias=get_object_type_relationships_schema_versions
get_schema_versions_for_object_type GET /api/object-types/{id}/schema-versions 200+ object-schema[] limit=3/s,60/m scope=custom-objects:read fields=object-schema alias=get_object_type_schema_versions
get_source_mapping GET /api/source-mappings/{id} 200+ source-mapping limit=3/s,60/m scope=custom-objects:read fields=source-mapping
get_source_mapping_for_object_schema GET /api/object-schemas/{id}/source-mapping 200+ source-mapping limit=3/s,60/m scope=custom-objects:read fields=source-mapping alias=get_object_schema_source_mapping
get_source_mapping_id_for_object_schema GET /api/object-schemas/{id}/relationships/source-mapping 200+ source-mapping limit=3/s,60/m scope=custom-objects:read alias=get_object_schema_relationships_source_mapping
update_object_schema PATCH /api/object-schemas/{id} 200+ object-schema limit=3/s,60/m scope=custom-objects:write fields=object-schema body=&ObjectSchemaPartialUpdateQueryResourceObject
update_object_schema_relationship PATCH /api/object-schemas/{id}/relationships/object-schemas 204 - limit=3/s,60/m scope=custom-objects:write alias=update_object_schema_relationships_schemas,update_schemas_for_object_schema body=&<object-schema id! meta:ObjectSchemaRelationshipUpdateMeta?>
update_profile_schema_relationship PATCH /api/object-schemas/{id}/relationships/profile-object-schemas 204 - limit=3/s,60/m scope=custom-objects:write alias=update_object_schema_relationships_profile_object_schemas,update_profile_object_schemas_for_object_schema body=&<profile-object-schema id! meta:ObjectSchemaRelationshipUpdateMeta?>
update_source_mapping PATCH /api/source-mappings/{id} 200+ source-mapping limit=3/s,60/m scope=custom-objects:write fields=source-mapping body=&SourceMappingPartialUpdateQueryResourceObject
]=],
  fields = [=[
ip-allowlist created,id,prefixes,sync_token
object-ingestion-log errors,event_type,id,status,summary,timestamp
object-record id,record_properties
object-schema description,id,properties,published_at,required,status,title,visibility
object-schema.2 description,id,meta,meta.description,meta.name,meta.relationship_id,properties,published_at,required,status,title,visibility
object-type created_at,description,id,namespace,status,title,updated_at
object-type.2 created_at,description,id,meta,meta.description,meta.name,meta.relationship_id,namespace,status,title,updated_at
profile-object-schema id,meta,meta.description,meta.name,meta.relationship_id
profile-object-type id,meta,meta.description,meta.name,meta.relationship_id
source-mapping id,property_mappings,relationship_mappings
]=],
}
