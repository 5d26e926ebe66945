package vault

import "codebank.dev/bank"

var _ bank.HolderVault = (*Vault)(nil)

// SealText encrypts a text with the primary key and binds it to its owner: it opens for the same owner only.
func (v *Vault) SealText(text []byte, owner bank.ID) (bank.Sealed, error) {
	aead, ok := v.seals[v.primary]
	if !ok {
		return bank.Sealed{}, ErrUnknownKey
	}
	return bank.Sealed{KeyID: v.primary, Ciphertext: aead.Seal(nil, nil, text, textData(v.primary, owner))}, nil
}

// OpenText decrypts a text that SealText made for the same owner, with this or an earlier primary key. Errors:
// ErrUnknownKey, ErrNotAuthentic.
func (v *Vault) OpenText(sealed bank.Sealed, owner bank.ID) ([]byte, error) {
	aead, ok := v.seals[sealed.KeyID]
	if !ok {
		return nil, ErrUnknownKey
	}
	text, err := aead.Open(nil, nil, sealed.Ciphertext, textData(sealed.KeyID, owner))
	if err != nil {
		return nil, ErrNotAuthentic
	}
	return text, nil
}

// textData is the additional data to which a text is bound: its purpose, the key's id and the owner.
func textData(keyID string, owner bank.ID) []byte {
	data := append([]byte("codebank.dev/holder\x00"), keyID...)
	return append(append(data, 0), owner[:]...)
}
