"""The commands of `python -m deploy`: each a module with a `main(args, environ)`."""
