"""The ``gadwatch`` command. The one package that may import all the others."""
