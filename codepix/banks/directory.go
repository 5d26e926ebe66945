package banks

import (
	"codebank.dev/codepix/directory"
	"codebank.dev/schemas/command"
)

var _ directory.Banks = (*File)(nil)

// Bank implements directory.Banks with the banks as they are now.
func (f *File) Bank(code string) (directory.Bank, bool) {
	bank, known := f.Current().Bank(code)
	if !known {
		return directory.Bank{}, false
	}
	return directory.Bank{Code: bank.Code, Name: bank.Name, Digester: digester{bank.Keys.PixDigestKey(code)}}, true
}

// digester makes digests with a key that bank and hub share.
type digester struct{ key *command.Key }

// KeyID implements directory.Digester.
func (d digester) KeyID() string { return d.key.ID }

// Digest implements directory.Digester.
func (d digester) Digest(e *directory.Entry) directory.Digest {
	return d.key.PixDigest(&command.PixKey{
		Kind: e.Key.Kind.String(), Key: e.Key.Text, BankCode: e.Account.BankCode, AccountID: e.Account.AccountID.String(),
		HolderName: e.Account.HolderName, HolderDocument: e.Account.HolderDocument,
	})
}
