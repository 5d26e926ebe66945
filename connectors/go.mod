module codebank.dev/connectors

go 1.26
