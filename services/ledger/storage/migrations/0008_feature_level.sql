-- oldest-code: 1
--
-- What may be written (domain/feature_level.h). A schema from before begins at level 1; a new one is
-- set to the newest by whoever makes it. `ledger migrate --finish` raises it.
CREATE TABLE IF NOT EXISTS feature_level (
  id TINYINT NOT NULL,
  level INT NOT NULL,
  raise_time DATETIME(6) NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO feature_level (id, level) VALUES (1, 1) ON DUPLICATE KEY UPDATE level = level;

-- The ledgers that serve, with the newest level that each knows, by the database's clock. A ledger
-- that ended well has a leave_time. The row of an empty id is written by whoever comes and by
-- whoever raises the level, so that one waits for the other.
CREATE TABLE IF NOT EXISTS ledgers (
  ledger_id VARBINARY(128) NOT NULL,
  known_level INT NOT NULL,
  heartbeat_time DATETIME(6) NOT NULL,
  leave_time DATETIME(6) NULL,
  PRIMARY KEY (ledger_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
