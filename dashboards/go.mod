module codebank.dev/dashboards

go 1.26.0
