"""Settings -> the ARM template of a deployment, its pieces and its parameters."""

from deploy.template.parameters import parameters
from deploy.template.rendering import Template, render

__all__ = ["Template", "parameters", "render"]
