-- oldest-code: 28
--
-- What the gateway told of charges that no account has (P3), until one is credited for the charge.
-- A program from before refuses what is told of such a charge, and credits it without looking here:
-- what is kept meanwhile counts when the gateway tells anything of that charge again.
--
-- slot: from 1, up to as many as may be kept; a place is taken again once what was in it counts
-- elsewhere. Rows 0 and -1 to -255 hold nothing, and are there to be locked: by the charge's id one
-- below 0, which who keeps or dismisses something of a charge locks alone, and who is about to
-- credit a charge together with others; and row 0 by whoever keeps or dismisses anything.
-- kind: 1 refund, 2 dispute. state: as the gateway tells it. standing: 1 listed for a person,
-- 2 dismissed by one, 3 applied.
CREATE TABLE IF NOT EXISTS unplaced_states (
  slot INT NOT NULL,
  charge_id VARBINARY(128) NOT NULL,
  kind TINYINT NOT NULL,
  told_id VARBINARY(128) NOT NULL,
  state TINYINT NOT NULL,
  amount_nanos BIGINT NOT NULL,
  currency VARBINARY(3) NOT NULL,
  reason VARCHAR(255) NOT NULL,
  standing TINYINT NOT NULL,
  create_time DATETIME(6) NOT NULL,
  update_time DATETIME(6) NOT NULL,
  dismiss_request_id VARBINARY(128) NOT NULL DEFAULT '',
  dismiss_reason VARCHAR(255) NOT NULL DEFAULT '',
  dismiss_actor VARCHAR(128) NOT NULL DEFAULT '',
  dismiss_reference VARCHAR(128) NOT NULL DEFAULT '',
  PRIMARY KEY (slot),
  KEY by_charge_id (charge_id, kind, told_id),
  KEY by_standing (standing, slot),
  KEY by_age (standing, update_time)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO unplaced_states (slot,charge_id,kind,told_id,state,amount_nanos,currency,reason,
  standing,create_time,update_time)
SELECT -(a.n * 64 + b.n * 16 + c.n * 4 + d.n), '', 0, '', 0, 0, '', '', 0, UTC_TIMESTAMP(6),
  UTC_TIMESTAMP(6)
FROM (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS a
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS b
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS c
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS d
WHERE TRUE
ON DUPLICATE KEY UPDATE standing = unplaced_states.standing;
