CREATE EXTENSION stakesync;

SELECT extversion FROM pg_extension WHERE extname = 'stakesync';
