-- +goose Up
-- Who is in which segment: what the tag $Segment:{name} asks.
CREATE TABLE hub.segment_member (
    segment text NOT NULL,                -- lower case
    person  text NOT NULL,                -- a user id, lower case
    PRIMARY KEY (segment, person)
);
CREATE INDEX ON hub.segment_member (person);

-- +goose Down
DROP TABLE hub.segment_member;
