package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// PasswordOf is the password of a role that CreateRole has made. It is derived from the password of
// [User], so there is no file for it, and one role's password tells nothing of another's.
func (s *Server) PasswordOf(role string) string {
	mac := hmac.New(sha256.New, []byte(s.password))
	mac.Write([]byte(role))
	return hex.EncodeToString(mac.Sum(nil))
}

// URLOf is the address of a database for a role that CreateRole has made. It contains the password
// and must not be logged.
func (s *Server) URLOf(role, database string) string {
	return s.url(role, s.PasswordOf(role), database)
}

// CreateRole creates a role that can sign in, with further attributes such as BYPASSRLS. An existing
// role gets the password and the attributes, so the call may be repeated.
func (s *Server) CreateRole(ctx context.Context, role string, attributes ...string) error {
	name := pgx.Identifier{role}.Sanitize()
	attributes = append([]string{"LOGIN", "PASSWORD '" + s.PasswordOf(role) + "'"}, attributes...)
	err := s.do(ctx, fmt.Sprintf(`DO $$ BEGIN
			CREATE ROLE %[1]s;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
		END $$;
		ALTER ROLE %[1]s %[2]s`, name, strings.Join(attributes, " ")))
	if err != nil {
		return fmt.Errorf("create role %s: %w", role, err)
	}
	return nil
}

// GrantRole makes a role a member of another one, such as pg_read_all_stats. It may be repeated.
func (s *Server) GrantRole(ctx context.Context, group, role string) error {
	err := s.do(ctx, "GRANT "+pgx.Identifier{group}.Sanitize()+" TO "+pgx.Identifier{role}.Sanitize())
	if err != nil {
		return fmt.Errorf("grant %s to %s: %w", group, role, err)
	}
	return nil
}

// give changes the owner of everything in the schema public. REASSIGN OWNED cannot do it, because
// [User] also owns what the server itself needs.
const give = `DO $$
DECLARE
	change text;
BEGIN
	FOR change IN
		SELECT format('ALTER TABLE %%s OWNER TO %[1]s', c.oid::regclass) FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'S') AND c.relowner <> '%[1]s'::regrole
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
				AND c.relkind = 'S' AND d.deptype IN ('a', 'i'))
		UNION ALL
		SELECT format('ALTER FUNCTION %%s OWNER TO %[1]s', p.oid::regprocedure) FROM pg_proc p
		WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> '%[1]s'::regrole
	LOOP
		EXECUTE change;
	END LOOP;
END $$`

// GiveDatabase makes a role the owner of a database and of everything in it. It may be repeated.
func (s *Server) GiveDatabase(ctx context.Context, database, role string) error {
	owner := pgx.Identifier{role}.Sanitize()
	err := s.do(ctx, "ALTER DATABASE "+pgx.Identifier{database}.Sanitize()+" OWNER TO "+owner)
	if err == nil {
		err = s.doIn(ctx, database, fmt.Sprintf(give, owner))
	}
	if err != nil {
		return fmt.Errorf("give database %s to %s: %w", database, role, err)
	}
	return nil
}
