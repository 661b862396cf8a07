-- Run once by the image, in the database semibot: what the slow-query statement of the runbook reads.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
