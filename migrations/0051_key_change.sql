-- How often a company's keys or webhook address were changed, by anybody: as long as it stands still, every node may believe
-- what it remembers of them. One row.
CREATE TABLE key_change (
    id     TEXT   NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO key_change (id, number) VALUES ('all', 0);
