-- +goose Up
CREATE SCHEMA IF NOT EXISTS analytics;

CREATE TABLE analytics.detector (                       -- how far each detector has judged
    name      text        PRIMARY KEY,
    judged_to timestamptz NOT NULL,                     -- bins that end up to here are judged; no fact counts before it
    bin       interval    NOT NULL                      -- its width; a detector with another begins anew
);

CREATE TABLE analytics.detector_bin (                   -- bins that are not judged yet
    detector text             NOT NULL,
    event    text             NOT NULL,
    category text             NOT NULL,
    ends     timestamptz      NOT NULL,                 -- the bin is (ends - width, ends]
    n        bigint           NOT NULL,
    total    double precision NOT NULL,                 -- sum of scores, for sentiment
    PRIMARY KEY (detector, ends, event, category)
);

CREATE TABLE analytics.detector_series (                -- one event (and category) as a detector knows it
    detector text             NOT NULL,
    event    text             NOT NULL,
    category text             NOT NULL,
    memory   jsonb            NOT NULL,                 -- the detector's state and the latest bins
    observed double precision NOT NULL,                 -- in the last bin
    expected double precision NOT NULL,
    ready    boolean          NOT NULL,                 -- it knows enough to alarm
    since    timestamptz      NOT NULL,                 -- first bin
    seen_at  timestamptz      NOT NULL,                 -- last bin that was not empty
    alarm_at timestamptz,
    PRIMARY KEY (detector, event, category)
);

CREATE TABLE analytics.detector_hour (                  -- past hours, for the season
    detector text             NOT NULL,
    event    text             NOT NULL,
    category text             NOT NULL,
    hour     timestamptz      NOT NULL,
    total    double precision NOT NULL,
    bins     integer          NOT NULL,
    PRIMARY KEY (detector, event, category, hour)
);
CREATE INDEX ON analytics.detector_hour (hour);

CREATE TABLE analytics.alarm (
    id        uuid             PRIMARY KEY,             -- UUIDv7: in order of time
    detector  text             NOT NULL,
    method    text             NOT NULL,
    event     text             NOT NULL,
    category  text             NOT NULL,
    direction text             NOT NULL CHECK (direction IN ('up', 'down')),
    baseline  double precision NOT NULL,
    observed  double precision NOT NULL,
    since     timestamptz      NOT NULL,
    at        timestamptz      NOT NULL,
    announced timestamptz      NOT NULL
);
CREATE INDEX ON analytics.alarm (announced);
CREATE INDEX ON analytics.alarm (detector, event, category, at);

CREATE TABLE analytics.cart (                           -- of an external shop
    shop           text        NOT NULL,
    cart           text        NOT NULL,
    event          text        NOT NULL DEFAULT '',
    customer       text        NOT NULL DEFAULT '',
    items          integer     NOT NULL DEFAULT 0,
    opened_at      timestamptz,
    active_at      timestamptz,                         -- last time something was put in
    hold_until     timestamptz,
    held_at        timestamptz,                         -- when the hold was told
    sold_at        timestamptz,
    abandoned_at   timestamptz,                         -- activity up to here was announced as abandoned
    due_at         timestamptz,                         -- when it counts as abandoned; null: nothing to wait for
    PRIMARY KEY (shop, cart)
);
CREATE INDEX ON analytics.cart (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE analytics.social_poll (                    -- what became of a connector
    connector     text        PRIMARY KEY,
    next_at       timestamptz NOT NULL,
    polled_at     timestamptz,
    posts         bigint      NOT NULL DEFAULT 0,       -- taken in, ever
    last_posts    integer     NOT NULL DEFAULT 0,       -- new in the last poll or delivery
    failures      integer     NOT NULL DEFAULT 0,       -- in a row
    error         text        NOT NULL DEFAULT '',
    etag          text        NOT NULL DEFAULT '',
    modified      text        NOT NULL DEFAULT '',
    newest        text        NOT NULL DEFAULT ''       -- Mastodon's since_id
);

-- +goose Down
DROP TABLE analytics.social_poll, analytics.cart, analytics.alarm, analytics.detector_hour,
    analytics.detector_series, analytics.detector_bin, analytics.detector;
