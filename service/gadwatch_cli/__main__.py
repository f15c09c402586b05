from gadwatch_cli.main import main

main()
