"""OpenVINO GenAI on the CPU, inside this process."""
