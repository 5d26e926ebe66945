package purchase

import (
	"context"
	"crypto/sha256"
	"errors"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
)

// errToken refuses a token that is unknown, used or expired.
var errToken = fault.Invalid("card_token", "The card token is unknown, has been used, or has expired.")

func (s *Service) resolveToken(ctx context.Context, text string, command *authorize) error {
	if err := bank.CheckToken("card_token", text); err != nil {
		return err
	}
	token, ok := s.Tokens.OpenToken(s.Code, text)
	if !ok {
		return s.resolveStoredToken(ctx, text, command)
	}
	return s.resolveOpened(ctx, &token, command)
}

func (s *Service) resolveOpened(ctx context.Context, token *bank.CardToken, command *authorize) error {
	if !token.Card.ID.IsZero() {
		facts, err := s.Directory.CardByID(ctx, token.Card.ID)
		if errors.Is(err, bank.ErrNotFound) {
			return s.resolveDecided(ctx, command)
		}
		if err != nil {
			return err
		}
		command.account = facts.AccountID
	}
	command.card, command.cardCheck = token.Card, token.Check
	command.token = bank.TokenUse{Nonce: token.Nonce.ID(), TransactionID: command.id, ExpiresAt: token.ExpiresAt}
	return nil
}

// storedTokenLength is the length of the text of a stored token.
const storedTokenLength = 47

// resolveStoredToken handles a text that does not open. It may be a token that version 0.1.0 stored.
func (s *Service) resolveStoredToken(ctx context.Context, text string, command *authorize) error {
	if s.StoredTokens == nil || len(text) != storedTokenLength {
		return s.resolveDecided(ctx, command)
	}
	hash := sha256.Sum256([]byte(text))
	token, err := s.StoredTokens.StoredToken(ctx, hash)
	if errors.Is(err, bank.ErrNotFound) {
		return s.resolveDecided(ctx, command)
	}
	if err != nil {
		return err
	}
	err = s.resolveOpened(ctx, &token, command)
	command.token.StoredHash = hash
	return err
}

// resolveDecided handles a token that does not open. If the request id was decided before, the
// request is a repeat and gets the first outcome. The entry that exists keeps the command from
// deciding anything new.
func (s *Service) resolveDecided(ctx context.Context, command *authorize) error {
	entry, _, err := s.Reader.Transaction(ctx, command.id)
	if errors.Is(err, bank.ErrNotFound) {
		return errToken
	}
	if err != nil {
		return err
	}
	command.card, command.account, command.unopened = entry.Card, entry.AccountID, true
	return nil
}
