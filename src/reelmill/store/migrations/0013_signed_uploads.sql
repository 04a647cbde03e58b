-- Files that clients send to addresses which we signed.

-- Of one that is sent so: how large it may be. It stays WRITING, for nobody tells us when it is whole; it is when it is
-- there, and it may be replaced until the address expires.
ALTER TABLE uploads ADD COLUMN max_bytes bigint;
