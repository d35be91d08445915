"""A stand-in for the part of Azure that this project uses, on loopback sockets of its own.

    with Cloud(folder) as cloud:
        subprocess.run([...], env={**os.environ, **cloud.environ})

Real are TLS, tokens, Azurite behind a gate that checks roles, and the processes that container
groups run. `cloud.py` says what it is made of.
"""
