-- An identifier of nothing is none (null, blank, and the words for nothing)
SELECT n, stakesync_canonical_identifier(t) AS identifier
FROM (VALUES (1, NULL), (2, ''), (3, '   '), (4, E'\t\r\n'), (5, '-'), (6, '--'),
			 (7, '.'), (8, '0'), (9, '00'), (10, 'N/A'), (11, ' n/a '), (12, 'NA'),
			 (13, 'None'), (14, 'NULL'), (15, U&'\00A0'), (16, U&'\200B\FEFF'),
			 (17, U&'\200D-\200D')) AS v (n, t)
ORDER BY n;

-- An identifier that only looks like one of them stays
SELECT t, stakesync_canonical_identifier(t) AS identifier
FROM (VALUES ('000'), ('0001'), ('0-0'), ('none of them'), ('Null-Meier'), ('---'),
			 ('n.a.'), ('unknown')) AS v (t);

-- The words for nothing are words elsewhere
SELECT stakesync_canonical('N/A') AS canonical, stakesync_name_key('Na Null') AS name_key;

-- Identifiers are text: zeros, exponents and dates stay as they are
SELECT t, stakesync_canonical_identifier(t) AS identifier
FROM (VALUES ('000123'), ('123'), ('1E5'), ('12-03'), ('+41')) AS v (t);

-- Case, spaces and invisible characters make no other person
SELECT n, stakesync_canonical(t) AS canonical
FROM (VALUES (1, 'Anna.M@Firm.com '), (2, 'anna.m@firm.com'), (3, U&'\00A0ANNA.M@firm.com'),
			 (4, U&'anna\200D.m@firm.com'), (5, U&'anna.m@firm\200C.com'),
			 (6, U&'\FEFFanna.m@firm.com'), (7, U&'anna.m@\00ADfirm.com'),
			 (8, U&'\202Aanna.m@firm.com\202C'), (9, U&'anna.m@firm.com\200F'),
			 (10, U&'anna.m@firm.com\2060'), (11, U&'anna.m@firm.com\0001'),
			 (12, U&'anna.m@firm.com\FE0F'), (13, E'\nanna.m@firm.com\r\n')) AS v (n, t)
ORDER BY n;

-- A run of white space of any kind is one blank
SELECT stakesync_canonical(U&'E  100\2003\3000\0085\2028\00A0A\0009B') AS canonical;

-- An invisible character between blanks makes no second blank
SELECT stakesync_canonical(U&'a \200B b') AS canonical;

-- An invisible character does not keep a letter from its accent
SELECT stakesync_canonical(U&'e\200D\0301') = stakesync_canonical(U&'\00E9') AS equal;

-- A character that is drawn stays, though Unicode calls it format
SELECT length(stakesync_canonical(U&'\0600\0661')) AS length;

-- NFC and NFD are equal
SELECT stakesync_canonical(U&'Jos\00E9') = stakesync_canonical(U&'Jose\0301') AS canonical,
	   stakesync_name_key(U&'Jos\00E9') = stakesync_name_key(U&'JOSE\0301') AS name_key,
	   stakesync_canonical_identifier(U&'Jos\00E9') =
	   stakesync_canonical_identifier(U&'Jose\0301') AS identifier;

-- Accents in another order, Hangul in parts, the Kelvin sign
SELECT stakesync_canonical(U&'q\0323\0307') = stakesync_canonical(U&'q\0307\0323') AS accents,
	   stakesync_canonical(U&'\1112\1161\11AB') = stakesync_canonical(U&'\D55C') AS hangul,
	   stakesync_canonical(U&'273\212A') = stakesync_canonical('273k') AS kelvin;

-- Diacritics count
SELECT stakesync_canonical(U&'Jos\00E9') = stakesync_canonical('Jose') AS e,
	   stakesync_canonical(U&'M\00FCller') = stakesync_canonical('Mueller') AS ue,
	   stakesync_canonical(U&'M\00FCller') = stakesync_canonical('Muller') AS u;

-- Full case folding: sharp s, final sigma, ligature
SELECT stakesync_canonical(U&'Stra\00DFe') = stakesync_canonical('STRASSE') AS sharp_s,
	   stakesync_canonical(U&'STRA\1E9EE') = stakesync_canonical('strasse') AS capital_sharp_s,
	   stakesync_canonical(U&'\039F\03A3') = stakesync_canonical(U&'\03BF\03C2') AS sigma,
	   stakesync_canonical(U&'\FB01x') = stakesync_canonical('FIX') AS ligature;

-- Without locale: the dotless i is a letter of its own, in any database
SELECT stakesync_canonical(U&'\0131') = stakesync_canonical('I') AS dotless,
	   stakesync_canonical(U&'\0130') = stakesync_canonical(U&'i\0307') AS dotted,
	   stakesync_canonical('I') = 'i' AS ascii;

-- Full-width letters are others
SELECT stakesync_canonical(U&'\FF21\FF22') = stakesync_canonical('AB') AS ascii,
	   stakesync_canonical(U&'\FF21\FF22') = stakesync_canonical(U&'\FF41\FF42') AS case;

-- Right-to-left text, with and without the marks around it
SELECT stakesync_canonical(U&'\200F\05D3\05D5\05D3\200E') =
	   stakesync_canonical(U&'\05D3\05D5\05D3') AS hebrew,
	   stakesync_canonical(U&'\2067\0645\062D\0645\062F\2069') =
	   stakesync_canonical(U&'\0645\062D\0645\062F') AS arabic;

-- Characters of four bytes: kept, and folded where they have case
SELECT encode(convert_to(stakesync_canonical(U&'\+020BB7\91CE'), 'UTF8'), 'hex') AS kanji,
	   stakesync_canonical(U&'\+010400') = stakesync_canonical(U&'\+010428') AS deseret,
	   stakesync_canonical(U&'\+01F600') = stakesync_canonical(U&'\+01F601') AS smileys;

-- A variant of a character, as Japanese names have it, is the same
SELECT stakesync_canonical(U&'\845B\+0E0100') = stakesync_canonical(U&'\845B') AS equal;

-- The key of a key is the key
SELECT count(*) AS texts,
	   count(*) FILTER (WHERE stakesync_canonical(key) IS DISTINCT FROM key) AS others
FROM (SELECT stakesync_canonical('a' || chr(c) || 'b') AS key
	  FROM generate_series(1, 65535) AS c
	  WHERE c NOT BETWEEN 55296 AND 57343) AS k;

-- ASCII and other text take different ways to the same key
SELECT count(*) AS texts,
	   count(*) FILTER (WHERE stakesync_canonical(t) || U&' \00E9' IS DISTINCT FROM
							  stakesync_canonical(t || U&' \00E9')) AS others
FROM (SELECT 'x' || chr(a) || chr(b) || 'Y' AS t
	  FROM generate_series(1, 127) AS a, generate_series(1, 127) AS b) AS p;

-- A name is a set of words
SELECT t, stakesync_name_key(t) AS name_key
FROM (VALUES ('Hans Peter Meier'), ('MEIER, Hans  Peter'), ('Meier,Hans Peter'),
			 ('hans meier hans PETER'), ('Hans-Peter Meier'), ('Meier, Hans - Peter'),
			 ('O''Brien'), ('J. R. Smith'), (' , '), ('-'), (''), ('X')) AS v (t);

-- Commas of other scripts
SELECT stakesync_name_key(U&'\5C71\7530\3001\592A\90CE') =
	   stakesync_name_key(U&'\592A\90CE \5C71\7530') AS ideographic,
	   stakesync_name_key(U&'\0645\060C\062F') = stakesync_name_key(U&'\062F \0645') AS arabic;

-- Null in, null out; nothing left, null too
SELECT stakesync_canonical(NULL) IS NULL AS null_in,
	   stakesync_canonical(U&' \200B ') IS NULL AS nothing_left,
	   stakesync_name_key(NULL) IS NULL AS name_null_in,
	   stakesync_name_key(U&'\FEFF') IS NULL AS name_nothing_left;

-- An index may use a key: two that differ only so are refused
CREATE TABLE person (email text);
CREATE UNIQUE INDEX ON person (stakesync_canonical(email));
INSERT INTO person VALUES ('Anna.M@Firm.com '), ('anna.n@firm.com');
\set VERBOSITY terse
INSERT INTO person VALUES (U&'anna.m\200B@firm.com');
\set VERBOSITY default
DROP TABLE person;

-- Long text
SELECT length(stakesync_canonical(repeat(U&'\00DF', 100000))) AS sharp_s,
	   length(stakesync_canonical(repeat(' a', 100000))) AS blanks,
	   length(stakesync_name_key(repeat(U&' \00E4', 100000))) AS words;
