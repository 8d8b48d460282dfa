/*
 * Secrets: sealed and opened with the key file
 *
 * A sealed secret is, in this order:
 *
 *	 1 byte    version of this layout
 *	 8 bytes   id of the key: the first of its SHA-256
 *	12 bytes   nonce, fresh for each sealing
 *	 n bytes   the secret, by AES-256 in GCM
 *	16 bytes   tag
 *
 * The tag covers version and key id too, and the purpose that the caller binds
 * the secret to. A row copied to another company, or whose host was changed by
 * hand, does not open.
 *
 * The key file has one key a line, in hexadecimal. The first key seals and all
 * of them open, so that a new one can be put in front of the old ones. Empty
 * lines and lines that begin with # are skipped. The file is read anew for each
 * sealing and opening; keys do not stay in memory.
 *
 * Errors are raised only when keys and plain text have been wiped, with the
 * statement hidden, which may hold the secret. They name no path: users who may
 * not see the setting get these errors too.
 */
#include "postgres.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guc.h"
#include "miscadmin.h"
#include "secret.h"
#include "storage/fd.h"
#include "utils/builtins.h"

#define SECRET_VERSION 1

#define KEY_LENGTH 32
#define KEY_ID_LENGTH 8
#define NONCE_LENGTH 12
#define TAG_LENGTH 16

/* Places in a sealed secret */
#define HEADER_LENGTH (1 + KEY_ID_LENGTH)
#define CIPHER_OFFSET (HEADER_LENGTH + NONCE_LENGTH)
#define OVERHEAD (CIPHER_OFFSET + TAG_LENGTH)

/* The key file */
#define DEFAULT_KEY_FILE "stakesync.key"
#define KEY_DIGITS (2 * KEY_LENGTH)
#define MAX_KEYS 16
#define MAX_KEY_FILE_SIZE 4096

/* What hints tell users to type */
#define MAKE_KEY "(umask 077; openssl rand -hex 32 > FILE)"
#define CONNECT_AGAIN "SELECT stakesync_connect(...)"

typedef struct KeyRing
{
	int			count;
	unsigned char keys[MAX_KEYS][KEY_LENGTH];
} KeyRing;

typedef enum KeyFileState
{
	KEY_FILE_GOOD,
	KEY_FILE_ABSENT,
	KEY_FILE_UNREADABLE,		/* errno says why */
	KEY_FILE_IRREGULAR,			/* a directory, pipe or device */
	KEY_FILE_FOREIGN,			/* of another user */
	KEY_FILE_EXPOSED,			/* others may read it */
	KEY_FILE_TOO_LARGE,
	KEY_FILE_WITHOUT_KEY,
	KEY_FILE_MALFORMED
} KeyFileState;

typedef struct KeyFileFault
{
	const char *message;
	const char *hint;
} KeyFileFault;

static const KeyFileFault key_file_faults[] = {
	[KEY_FILE_ABSENT] = {
		"the key file does not exist",
		"Put it back, or make one as the server's user: " MAKE_KEY
	},
	[KEY_FILE_UNREADABLE] = {
		"could not read the key file",
		"Give it to the server's user with chown, then type chmod 600."
	},
	[KEY_FILE_IRREGULAR] = {
		"the key file is not a regular file",
		"Put a file with a key there: " MAKE_KEY
	},
	[KEY_FILE_FOREIGN] = {
		"the key file belongs to another user",
		"Give it to the server's user with chown, then type chmod 600."
	},
	[KEY_FILE_EXPOSED] = {
		"others may read or write the key file",
		"Type chmod 600 if it belongs to the server's user, or chmod 640 if it belongs to root."
	},
	[KEY_FILE_TOO_LARGE] = {
		"the key file is too large",
		"Keep " CppAsString2(MAX_KEYS) " keys at most: those that something is sealed with."
	},
	[KEY_FILE_WITHOUT_KEY] = {
		"the key file holds no key",
		"Put a key into it: " MAKE_KEY
	},
	[KEY_FILE_MALFORMED] = {
		NULL,					/* names the line */
		"A key is 64 hexadecimal digits on a line of its own: " MAKE_KEY
	}
};

/* Overwrite a secret */
void
SecretWipe(char *plain, size_t len)
{
	if (plain != NULL)
		explicit_bzero(plain, len);
}

/* Check for a key file that we make ourselves */
static bool
UsesDefaultKeyFile(void)
{
	return stakesync_key_file == NULL || stakesync_key_file[0] == '\0';
}

/* Get the path of the key file */
static char *
GetKeyFilePath(void)
{
	if (UsesDefaultKeyFile())
		return psprintf("%s/%s", DataDir, DEFAULT_KEY_FILE);

	return pstrdup(stakesync_key_file);
}

/* Say which file is meant, without its path */
static int
DetailKeyFile(void)
{
	if (UsesDefaultKeyFile())
		return errdetail("It is %s in the data directory.", DEFAULT_KEY_FILE);

	return errdetail("The setting stakesync.key_file names it.");
}

/* Hint at what to do about the key file */
static int
HintKeyFile(KeyFileState state)
{
	if (state == KEY_FILE_ABSENT && UsesDefaultKeyFile())
		return errhint("Put it back, or type the credentials again: %s", CONNECT_AGAIN);

	return errhint("%s", key_file_faults[state].hint);
}

/* Raise what is wrong with the key file */
static void
ReportKeyFile(KeyFileState state, int line)
{
	if (state == KEY_FILE_UNREADABLE)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("%s: %m", key_file_faults[state].message),
				 DetailKeyFile(), HintKeyFile(state),
				 errhidestmt(true), errhidecontext(true)));

	if (state == KEY_FILE_MALFORMED)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("line %d of the key file is no key", line),
				 DetailKeyFile(), HintKeyFile(state),
				 errhidestmt(true), errhidecontext(true)));

	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("%s", key_file_faults[state].message),
			 DetailKeyFile(), HintKeyFile(state),
			 errhidestmt(true), errhidecontext(true)));
}

/* Judge what the key file is and who may read it, as the server does for TLS */
static KeyFileState
JudgeKeyFile(int fd)
{
	struct stat status;
	mode_t		refused = S_IRWXG | S_IRWXO;

	if (fstat(fd, &status) != 0)
		return KEY_FILE_UNREADABLE;

	if (!S_ISREG(status.st_mode))
		return KEY_FILE_IRREGULAR;

	if (status.st_uid != geteuid() && status.st_uid != 0)
		return KEY_FILE_FOREIGN;

	/* root may hand it to a group that the server is in */
	if (status.st_uid == 0 && geteuid() != 0)
		refused = S_IWGRP | S_IXGRP | S_IRWXO;

	return (status.st_mode & refused) != 0 ? KEY_FILE_EXPOSED : KEY_FILE_GOOD;
}

/* Get the value of a hexadecimal digit, or -1 */
static int
DigitValue(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;

	return -1;
}

/* Read one line of the key file as a key */
static bool
ParseKey(const char *line, size_t length, unsigned char *key)
{
	if (length != KEY_DIGITS)
		return false;

	for (int i = 0; i < KEY_LENGTH; i++)
	{
		int			high = DigitValue(line[2 * i]);
		int			low = DigitValue(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (unsigned char) (high << 4 | low);
	}

	return true;
}

/* Read the lines of the key file */
static KeyFileState
ParseKeys(const char *text, size_t length, KeyRing *ring, int *line)
{
	const char *end = text + length;

	for (*line = 1; text < end; (*line)++)
	{
		const char *newline = memchr(text, '\n', end - text);
		const char *next = newline != NULL ? newline + 1 : end;
		const char *last = newline != NULL ? newline : end;

		while (last > text && (last[-1] == '\r' || last[-1] == ' '))
			last--;

		if (last > text && *text != '#')
		{
			if (ring->count == MAX_KEYS)
				return KEY_FILE_TOO_LARGE;
			if (!ParseKey(text, last - text, ring->keys[ring->count]))
				return KEY_FILE_MALFORMED;
			ring->count++;
		}
		text = next;
	}

	return ring->count > 0 ? KEY_FILE_GOOD : KEY_FILE_WITHOUT_KEY;
}

/* Read the bytes of a file, as many as there are or fit; -1 on failure */
static ssize_t
ReadBytes(int fd, char *buffer, size_t size)
{
	size_t		used = 0;

	while (used < size)
	{
		ssize_t		got = read(fd, buffer + used, size - used);

		if (got == 0)
			break;
		if (got > 0)
			used += got;
		else if (errno != EINTR)
			return -1;
	}

	return used;
}

/* Read the key file; never raises, so that nothing of it stays behind */
static KeyFileState
ReadKeyFile(const char *path, KeyRing *ring, int *line)
{
	char		text[MAX_KEY_FILE_SIZE + 1];
	KeyFileState state;
	ssize_t		length;
	int			fd;
	int			save_errno;

	/* A pipe must not make us wait */
	fd = BasicOpenFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (fd < 0)
		return errno == ENOENT ? KEY_FILE_ABSENT : KEY_FILE_UNREADABLE;

	state = JudgeKeyFile(fd);
	if (state == KEY_FILE_GOOD)
	{
		length = ReadBytes(fd, text, sizeof(text));
		if (length < 0)
			state = KEY_FILE_UNREADABLE;
		else if (length > MAX_KEY_FILE_SIZE)
			state = KEY_FILE_TOO_LARGE;
		else
			state = ParseKeys(text, length, ring, line);
		save_errno = errno;
		explicit_bzero(text, sizeof(text));
		errno = save_errno;
	}

	save_errno = errno;
	close(fd);
	errno = save_errno;

	return state;
}

/* Load the keys; the caller wipes the ring */
static void
LoadKeys(KeyRing *ring)
{
	char	   *path = GetKeyFilePath();
	KeyFileState state;
	int			line = 0;

	memset(ring, 0, sizeof(KeyRing));
	state = ReadKeyFile(path, ring, &line);
	if (state != KEY_FILE_GOOD)
	{
		int			save_errno = errno;

		explicit_bzero(ring, sizeof(KeyRing));
		errno = save_errno;
		ReportKeyFile(state, line);
	}
	pfree(path);
}

/* Write a fresh key to a new file, and make sure that it is on disk */
static bool
WriteFreshKey(const char *path)
{
	unsigned char key[KEY_LENGTH];
	char		text[KEY_DIGITS + 1];
	bool		written;
	int			save_errno;
	int			fd;

	if (!pg_strong_random(key, KEY_LENGTH))
	{
		errno = EIO;
		return false;
	}

	/* Nobody can have made it but a process of our id that died */
	unlink(path);
	fd = BasicOpenFilePerm(path, O_CREAT | O_EXCL | O_WRONLY | PG_BINARY,
						   S_IRUSR | S_IWUSR);
	if (fd < 0)
	{
		explicit_bzero(key, sizeof(key));
		return false;
	}

	hex_encode((const char *) key, KEY_LENGTH, text);
	text[KEY_DIGITS] = '\n';
	errno = 0;
	written = write(fd, text, sizeof(text)) == sizeof(text) && pg_fsync(fd) == 0;
	save_errno = errno != 0 ? errno : ENOSPC;

	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
	close(fd);
	errno = save_errno;

	return written;
}

/*
 * Make the key file in the data directory. It appears whole, by a link: of two
 * backends that make it at once, the later one finds the other's.
 */
static void
MakeKeyFile(const char *path)
{
	char	   *temporary = psprintf("%s.%d", path, MyProcPid);
	bool		made;
	int			save_errno;

	made = WriteFreshKey(temporary) &&
		(link(temporary, path) == 0 || errno == EEXIST);
	save_errno = errno;
	unlink(temporary);
	pfree(temporary);

	if (!made)
	{
		errno = save_errno;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not make the key file: %m"),
				 DetailKeyFile(),
				 errhint("Make one elsewhere as the server's user, and name it: "
						 "ALTER SYSTEM SET stakesync.key_file = 'FILE'"),
				 errhidestmt(true), errhidecontext(true)));
	}

	/* What is sealed must not outlive its key */
	fsync_fname(DataDir, true);
}

/* Make the key file in the data directory if there is none */
static void
EnsureKeyFile(void)
{
	char	   *path;
	struct stat status;

	if (!UsesDefaultKeyFile())
		return;

	path = GetKeyFilePath();
	if (lstat(path, &status) != 0 && errno == ENOENT)
		MakeKeyFile(path);
	pfree(path);
}

/* Compute the id of a key */
static void
ComputeKeyId(const unsigned char *key, unsigned char *id)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256(key, KEY_LENGTH, digest);
	memcpy(id, digest, KEY_ID_LENGTH);
	explicit_bzero(digest, sizeof(digest));
}

/* Find the key of a sealed secret; NULL if the ring does not hold it */
static const unsigned char *
FindKey(const KeyRing *ring, const unsigned char *id)
{
	for (int i = 0; i < ring->count; i++)
	{
		unsigned char candidate[KEY_ID_LENGTH];

		ComputeKeyId(ring->keys[i], candidate);
		if (memcmp(candidate, id, KEY_ID_LENGTH) == 0)
			return ring->keys[i];
	}

	return NULL;
}

/* Encrypt into what has header and nonce already; never raises */
static bool
Encrypt(const unsigned char *key, const char *bound_to,
		const char *plain, int len, unsigned char *sealed)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *cipher = sealed + CIPHER_OFFSET;
	unsigned char *tag = cipher + len;
	int			written = 0;
	int			rest = 0;
	bool		done;

	done = ctx != NULL &&
		EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed + HEADER_LENGTH) &&
		EVP_EncryptUpdate(ctx, NULL, &rest, sealed, HEADER_LENGTH) &&
		EVP_EncryptUpdate(ctx, NULL, &rest, (const unsigned char *) bound_to,
						  strlen(bound_to)) &&
		EVP_EncryptUpdate(ctx, cipher, &written, (const unsigned char *) plain, len) &&
		EVP_EncryptFinal_ex(ctx, tag, &rest) &&
		written + rest == len &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LENGTH, tag);
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();

	return done;
}

/* Decrypt, true if nothing of it was changed; never raises */
static bool
Decrypt(const unsigned char *key, const char *bound_to,
		const unsigned char *sealed, int len, char *plain)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const unsigned char *cipher = sealed + CIPHER_OFFSET;
	unsigned char tag[TAG_LENGTH];
	unsigned char none[EVP_MAX_BLOCK_LENGTH];
	int			written = 0;
	int			rest = 0;
	bool		done;

	memcpy(tag, cipher + len, TAG_LENGTH);
	done = ctx != NULL &&
		EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed + HEADER_LENGTH) &&
		EVP_DecryptUpdate(ctx, NULL, &rest, sealed, HEADER_LENGTH) &&
		EVP_DecryptUpdate(ctx, NULL, &rest, (const unsigned char *) bound_to,
						  strlen(bound_to)) &&
		EVP_DecryptUpdate(ctx, (unsigned char *) plain, &written, cipher, len) &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LENGTH, tag) &&
		EVP_DecryptFinal_ex(ctx, none, &rest) &&
		written + rest == len;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();

	return done;
}

/* Seal a secret for one purpose */
bytea *
SecretSeal(const char *plain, size_t len, const char *bound_to)
{
	bytea	   *result = palloc(VARHDRSZ + len + OVERHEAD);
	unsigned char *sealed = (unsigned char *) VARDATA(result);
	KeyRing		ring;
	bool		done;

	SET_VARSIZE(result, VARHDRSZ + len + OVERHEAD);
	EnsureKeyFile();
	LoadKeys(&ring);

	sealed[0] = SECRET_VERSION;
	ComputeKeyId(ring.keys[0], sealed + 1);
	done = pg_strong_random(sealed + HEADER_LENGTH, NONCE_LENGTH) &&
		Encrypt(ring.keys[0], bound_to, plain, (int) len, sealed);
	explicit_bzero(&ring, sizeof(ring));

	if (!done)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg_internal("could not seal a secret"),
				 errhidestmt(true), errhidecontext(true)));

	return result;
}

/* Open a secret that was sealed for the same purpose */
char *
SecretOpen(bytea *sealed, const char *bound_to, size_t *len)
{
	bytea	   *whole = (bytea *) pg_detoast_datum_packed((struct varlena *) sealed);
	const unsigned char *bytes = (const unsigned char *) VARDATA_ANY(whole);
	int			plain_len = (int) VARSIZE_ANY_EXHDR(whole) - OVERHEAD;
	const unsigned char *key;
	char	   *plain;
	KeyRing		ring;
	bool		known;
	bool		opened = false;

	if (plain_len < 0 || bytes[0] != SECRET_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("the stored credentials are damaged, or of a later version"),
				 errhint("Type them again: %s", CONNECT_AGAIN),
				 errhidestmt(true), errhidecontext(true)));

	plain = palloc(plain_len + 1);
	LoadKeys(&ring);
	key = FindKey(&ring, bytes + 1);
	known = key != NULL;
	if (known)
		opened = Decrypt(key, bound_to, bytes, plain_len, plain);
	explicit_bzero(&ring, sizeof(ring));

	if (!opened)
	{
		/* What was decrypted before the tag was judged */
		explicit_bzero(plain, plain_len);

		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					 errmsg("the key of the stored credentials is not in the key file"),
					 DetailKeyFile(),
					 errhint("Put the key back, or type them again: %s", CONNECT_AGAIN),
					 errhidestmt(true), errhidecontext(true)));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("the stored credentials do not open"),
				 errdetail("They were stored for another company, connection or host, "
						   "or were changed."),
				 errhint("Type them again: %s", CONNECT_AGAIN),
				 errhidestmt(true), errhidecontext(true)));
	}

	plain[plain_len] = '\0';
	if (len != NULL)
		*len = plain_len;

	return plain;
}
