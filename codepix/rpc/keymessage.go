package rpc

import (
	"encoding/binary"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/id"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// noKind is a kind that does not exist, in place of all numbers that do not fit one.
const noKind key.Kind = 255

// kindOf returns the kind that a request names, or 0 for none.
func kindOf(kind codepixv1.KeyKind) key.Kind {
	if kind < 0 || kind >= codepixv1.KeyKind(noKind) {
		return noKind
	}
	return key.Kind(kind)
}

func holder(account *codepixv1.Account) directory.Holder {
	return directory.Holder{
		BankCode: account.GetBankCode(), AccountID: account.GetAccountId(), Name: account.GetHolderName(), Document: account.GetHolderDocument(),
	}
}

// account returns an account for a bank: the name is complete only for its own, and the document never.
func account(a *directory.Account, bankCode string) *codepixv1.Account {
	name := a.HolderName
	if a.BankCode != bankCode {
		name = key.MaskName(name)
	}
	return &codepixv1.Account{
		BankCode: a.BankCode, AccountId: a.AccountID.String(), HolderName: name, HolderDocument: key.MaskCPF(a.HolderDocument),
	}
}

// keyMessage returns an entry for a bank; without one, for a payer.
func (d *Directory) keyMessage(e *directory.Entry, bankCode string) *codepixv1.Key {
	of, _ := d.Service.Bank(e.Account.BankCode) // One that does not take part any more has no name.
	return &codepixv1.Key{
		Kind: codepixv1.KeyKind(e.Key.Kind), Key: e.Key.Text, State: codepixv1.KeyState(e.State), Account: account(&e.Account, bankCode),
		CreateTime: stamp(e.CreatedAt), BankName: of.Name,
	}
}

// masked returns an entry as a payer sees it.
func (d *Directory) masked(e *directory.Entry) *codepixv1.Key { return d.keyMessage(e, "") }

// own returns an entry for a bank. If it is the bank's and active, it has its digest.
func (d *Directory) own(e *directory.Entry, bank *directory.Bank) *codepixv1.Key {
	message := d.keyMessage(e, bank.Code)
	if e.Account.BankCode == bank.Code && e.State == directory.Active {
		digest := bank.Digester.Digest(e)
		message.Digest = digest[:]
	}
	return message
}

func claimMessage(c *directory.Claim, bankCode string) *codepixv1.Claim {
	return &codepixv1.Claim{
		Name: c.Name(), Kind: codepixv1.KeyKind(c.Key.Kind), Key: c.Key.Text, State: codepixv1.ClaimState(c.State),
		Claimer: account(&c.Claimer, bankCode), Donor: account(&c.Donor, bankCode),
		CreateTime: stamp(c.CreatedAt), ResolveTime: stamp(c.ResolveAt),
	}
}

const idBytes = len(id.ID{})

// writeKeyPlace returns the token of the page behind an entry.
func (d *Directory) writeKeyPlace(e *directory.Entry, query []string) string {
	position := append([]byte{byte(e.Key.Kind)}, e.Account.AccountID[:]...)
	return d.Pages.Issue(append(position, e.Key.Text...), query...)
}

// readKeyPlace returns where a page of keys begins.
func (d *Directory) readKeyPlace(token string, query []string) (place directory.Place, err error) {
	if token == "" {
		return place, nil
	}
	position, err := d.Pages.Read(token, query...)
	if err != nil {
		return place, err
	}
	if len(position) <= 1+idBytes {
		return place, errPlace
	}
	place.Key = key.Key{Kind: key.Kind(position[0]), Text: string(position[1+idBytes:])}
	copy(place.Account[:], position[1:])
	return place, nil
}

// writeClaimPlace returns the token of the page behind a claim.
func (d *Directory) writeClaimPlace(c *directory.Claim, query []string) string {
	position := binary.BigEndian.AppendUint64(nil, uint64(c.CreatedAt.UnixMicro()))
	return d.Pages.Issue(append(position, c.ID[:]...), query...)
}

// readClaimPlace returns where a page of claims begins.
func (d *Directory) readClaimPlace(token string, query []string) (place directory.ClaimPlace, err error) {
	if token == "" {
		return place, nil
	}
	position, err := d.Pages.Read(token, query...)
	if err != nil {
		return place, err
	}
	if len(position) != timeBytes+idBytes {
		return place, errPlace
	}
	place.CreatedAt = time.UnixMicro(int64(binary.BigEndian.Uint64(position))).UTC()
	copy(place.ID[:], position[timeBytes:])
	return place, nil
}
