# stakesync: make, make install and make clean are ordinary PGXS.
# make demo and make test need nothing beforehand: they install what is missing.

EXTENSION = stakesync
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" stakesync.control)

# The install script is these parts, joined in this order
SQL_PARTS = sql/install.sql sql/company.sql sql/provider.sql sql/decide.sql sql/connection.sql \
	sql/fetch.sql sql/preview.sql sql/sync.sql sql/schedule.sql sql/check.sql sql/field.sql sql/sensitive.sql

# What makes and upgrades a company is compiled in
COMPANY_SQL = $(sort $(wildcard sql/company_*.sql))

# Providers are embedded behind the parts, in the order of their names
PROVIDERS = $(sort $(wildcard sql/providers/*.json))

MODULE_big = stakesync
HTTP_OBJS = src/http.o src/address.o
PHONE_OBJS = src/phone.o src/phone_module.o
OBJS = $(sort $(filter-out $(HTTP_OBJS) $(PHONE_OBJS),$(patsubst %.c,%.o,$(wildcard src/*.c))))
DATA_built = stakesync--$(EXTVERSION).sql
DATA = $(wildcard sql/stakesync--*--*.sql)

# libcurl and libphonenumber are loaded only by the processes that need them
MORE_MODULES = stakesync_http.so stakesync_phone.so

# Against a running server, with the simulator's address in STAKESYNC_SIM_URL
REGRESS = $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql))
REGRESS_OPTS = --inputdir=test

PG_CONFIG ?= pg_config
PKG_CONFIG ?= pkg-config
libraries = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
SHLIB_LINK = $(or $(call libraries,icu-i18n icu-uc libcrypto),-licui18n -licuuc -lcrypto) -Wl,-Bsymbolic
HTTP_LINK = $(or $(call libraries,libcurl),-lcurl) -Wl,-Bsymbolic
PHONE_LINK = -lphonenumber -Wl,-Bsymbolic

override PG_CPPFLAGS += -DSTAKESYNC_VERSION='"$(EXTVERSION)"'
EXTRA_CLEAN = $(MORE_MODULES) stakesync_probe.so $(HTTP_OBJS) $(PHONE_OBJS) \
	test/modules/probe.o src/company_sql.h .deps

# A changed header rebuilds what includes it; bitcode would never be inlined
override autodepend = yes
override with_llvm = no

# The libraries find one another's symbols on 16 and later as they do on 15
override CFLAGS_SL_MODULE =
override CXXFLAGS_SL_MODULE =

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
else ifneq ($(filter-out demo test test-all check-banned,$(or $(MAKECMDGOALS),all)),)
$(error $(PG_CONFIG) finds no PostgreSQL to build for: install postgresql-server-dev, or set PG_CONFIG)
endif

all: $(MORE_MODULES) check-version

$(OBJS) $(HTTP_OBJS) $(PHONE_OBJS): stakesync.control
$(OBJS): | src/company_sql.h

# Turn each script of a company's schema into a C string, company_tables_sql and so on
src/company_sql.h: $(COMPANY_SQL)
	@{ echo '/* Made by make from sql/company_*.sql */'; \
	for script in $(COMPANY_SQL); do \
		echo "static const char $$(basename $$script .sql)_sql[] ="; echo '""'; \
		sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/??/?\\?/g' -e 's/.*/"&\\n"/' $$script; \
		echo ';'; \
	done; } > $@.tmp
	@mv $@.tmp $@

stakesync--$(EXTVERSION).sql: stakesync.control Makefile $(SQL_PARTS) $(PROVIDERS)
	@! grep -F '$$provider$$' $(PROVIDERS) /dev/null
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION stakesync" to load this file. \quit'; \
	cat $(SQL_PARTS) </dev/null; \
	for provider in $(PROVIDERS); do \
		printf 'SELECT @extschema@.stakesync_ship_provider($$provider$$'; \
		cat $$provider; \
		printf '$$provider$$);\n'; \
	done; } > $@.tmp
	@mv $@.tmp $@

src/phone.o: src/phone.cc
	@mkdir -p .deps
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -c -o $@ $< -MMD -MP -MF .deps/phone.Po

stakesync_http.so: $(HTTP_OBJS)
	$(CC) $(CFLAGS) $^ $(LDFLAGS) $(LDFLAGS_SL) -shared $(HTTP_LINK) -o $@

stakesync_phone.so: $(PHONE_OBJS)
	$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDFLAGS_SL) -shared $(PHONE_LINK) -o $@

# Tests look through this at the inside of the library
stakesync_probe.so: test/modules/probe.o
	$(CC) $(CFLAGS) $^ $(LDFLAGS) $(LDFLAGS_SL) -shared -o $@

test/modules/probe.o: override CPPFLAGS += -Isrc

install: install-modules
uninstall: uninstall-modules

install-modules: $(MORE_MODULES) installdirs
	$(INSTALL_SHLIB) $(MORE_MODULES) '$(DESTDIR)$(pkglibdir)/'

uninstall-modules:
	rm -f $(addprefix '$(DESTDIR)$(pkglibdir)'/,$(MORE_MODULES))

# The version lives in stakesync.control; META.json has to agree
check-version:
	@test -z "$$(sed -n 's/^\t\(\t\t\)*"version": "\([^"]*\)".*/\2/p' META.json | grep -v '^$(EXTVERSION)\.[0-9]*$$')" || \
	{ echo "META.json is not of version $(EXTVERSION), as stakesync.control is" >&2; exit 1; }

# Install what is missing, build, install, run on a throwaway server
demo:
	@PG_CONFIG='$(PG_CONFIG)' test/demo/run

test:
	@PG_CONFIG='$(PG_CONFIG)' test/run

test-all:
	@PG_CONFIG='$(PG_CONFIG)' STAKESYNC_TEST_ALL=1 test/run

check-banned:
	@test/check-banned

# Needs pg_bsd_indent; typedefs.list holds the types that the sources name, but
# for text, which names variables too
INDENT = pg_bsd_indent -bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l79 -lp \
	-lpl -nip -npro -sac -tpg -ts4 -Utypedefs.list

indent:
	@for file in $(filter-out src/company_sql.h src/phone.h,$(wildcard src/*.[ch] test/modules/*.c)); do \
		$(INDENT) <$$file >$$file.tmp && \
		sed -i 's/^\([A-Za-z_][^ \t]*\)[ \t][ \t]*\(\**\)$$/\1 \2/' $$file.tmp && \
		{ cmp -s $$file $$file.tmp || cat $$file.tmp >$$file; }; \
		rm $$file.tmp; \
	done

typedefs: SHELL = /bin/bash
typedefs: $(OBJS) $(HTTP_OBJS)
	objdump -Wi $^ | sed -n '/DW_TAG_typedef/,/DW_AT_name/s/.*DW_AT_name.*: //p' | grep -vx text | \
	sort -u | grep -xF -f - <(grep -ohwE '[A-Za-z_][A-Za-z0-9_]*' src/*.[ch] | sort -u) >typedefs.list

.PHONY: install-modules uninstall-modules check-version demo test test-all check-banned indent typedefs
