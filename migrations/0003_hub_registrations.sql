-- +goose Up
-- A registration is a row of hub.installation, and so is each template of an installation: the fan-out
-- needs no second source. docs/adr/0008 says how the rows of one handle relate.
ALTER TABLE hub.installation
    ADD COLUMN main         boolean NOT NULL DEFAULT true,  -- the one row of its handle that ordinary sends reach
    ADD COLUMN native       boolean NOT NULL DEFAULT true,  -- takes native messages; else only what its one template renders
    ADD COLUMN registration boolean NOT NULL DEFAULT false, -- registered by itself; its id begins with ~
    ADD COLUMN parent       text,                           -- the installation whose template this row is
    ADD COLUMN extra        jsonb,                          -- of a registration: what its description says beyond our columns
    ADD FOREIGN KEY (app_id, parent) REFERENCES hub.installation ON DELETE CASCADE,
    ADD CONSTRAINT installation_rendered_check CHECK (native OR templates IS NOT NULL),
    ADD CONSTRAINT installation_child_check CHECK (parent IS NULL OR NOT (main OR native OR registration)),
    DROP CONSTRAINT installation_service_check,
    DROP CONSTRAINT installation_kind_check,
    ADD CONSTRAINT installation_service_check CHECK (service IN ('apns', 'fcm', 'webpush', 'wns', 'mpns', 'adm', 'baidu')),
    ADD CONSTRAINT installation_kind_check CHECK (kind IN ('apns', 'fcm_token', 'fcm_fid', 'webpush', 'wns', 'mpns', 'adm', 'baidu'));

DROP INDEX hub.installation_handle;
CREATE UNIQUE INDEX installation_handle ON hub.installation (app_id, kind, decode(md5(handle), 'hex')) WHERE main;
CREATE INDEX installation_twin ON hub.installation (app_id, kind, decode(md5(handle), 'hex')) WHERE NOT main;
DROP INDEX hub.installation_fanout;
CREATE INDEX installation_fanout ON hub.installation (app_id, service, no) INCLUDE (main, native) WHERE status = 'active';
CREATE INDEX installation_rendered ON hub.installation (app_id, service, no) WHERE status = 'active' AND NOT native;
CREATE INDEX installation_child ON hub.installation (app_id, parent) WHERE parent IS NOT NULL;
DROP INDEX hub.installation_folded;
CREATE INDEX installation_folded ON hub.installation USING hash (lower(coalesce(parent, id))); -- for $InstallationId:{…}

-- What the installations' templates have been so far becomes rows of its own.
INSERT INTO hub.installation (app_id, id, service, kind, handle, p256dh, auth, topic, user_id, locale, zone, currency, units,
    quiet_from, quiet_to, tags, attributes, templates, status, status_reason, status_at, handle_at, expires_at, created_at, updated_at,
    main, native, parent)
SELECT i.app_id, i.id || '~' || t.key, i.service, i.kind, i.handle, i.p256dh, i.auth, i.topic, i.user_id, i.locale, i.zone, i.currency, i.units,
    i.quiet_from, i.quiet_to, i.tags, i.attributes, jsonb_build_object(t.key, t.value), i.status, i.status_reason, i.status_at,
    i.handle_at, i.expires_at, i.created_at, i.updated_at, false, false, i.id
FROM hub.installation i CROSS JOIN LATERAL jsonb_each(i.templates) t;

-- Outcomes that are no delivery, by their reason: {"state|reason": count}.
ALTER TABLE hub.chunk ADD COLUMN causes jsonb NOT NULL DEFAULT '{}';
-- +goose Down
ALTER TABLE hub.chunk DROP COLUMN causes;
DELETE FROM hub.installation WHERE parent IS NOT NULL OR registration OR NOT main OR service IN ('wns', 'mpns', 'adm', 'baidu');
DROP INDEX hub.installation_handle, hub.installation_twin, hub.installation_fanout, hub.installation_rendered, hub.installation_child,
    hub.installation_folded;
ALTER TABLE hub.installation
    DROP COLUMN main, DROP COLUMN native, DROP COLUMN registration, DROP COLUMN parent, DROP COLUMN extra,
    DROP CONSTRAINT installation_service_check,
    DROP CONSTRAINT installation_kind_check,
    ADD CONSTRAINT installation_service_check CHECK (service IN ('apns', 'fcm', 'webpush')),
    ADD CONSTRAINT installation_kind_check CHECK (kind IN ('apns', 'fcm_token', 'fcm_fid', 'webpush'));
CREATE UNIQUE INDEX installation_handle ON hub.installation (app_id, kind, decode(md5(handle), 'hex'));
CREATE INDEX installation_fanout ON hub.installation (app_id, service, no) WHERE status = 'active';
CREATE INDEX installation_folded ON hub.installation USING hash (lower(id));
